import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { uploadFilename, uploadsAfter } from '../../../src/domain/artifacts/uploads.ts';
import type { JobArtifact } from '../../../src/domain/job/payload.ts';
import { assertQuick } from '../../support/assert-quick.ts';
import { contextOf } from '../job/context-fixture.ts';

function artifactOf(change: Readonly<Record<string, unknown>>): JobArtifact {
  return contextOf({ job: { artifacts: [change] } }).job.artifacts[0] ?? assert.fail();
}

describe('uploads', () => {
  it('keep the order and the indexes of the payload', () => {
    const { job } = contextOf({
      job: {
        artifacts: [
          { name: 'a', paths: ['x'], when: 'always' },
          { name: 'nothing' },
          { name: 'b', paths: ['x'], when: 'on_failure' },
          { name: 'c', paths: ['x'] },
        ],
      },
    });
    const names = (end: 'success' | 'failure'): readonly string[] =>
      uploadsAfter(job, end).map(({ artifact, index }) => `${index} ${artifact.name}`);
    assert.deepEqual(names('success'), ['0 a', '3 c']);
    assert.deepEqual(names('failure'), ['0 a', '2 b']);
  });
});

describe('the name of an upload', () => {
  const cases: [name: string, format: string, expected: string, why: string][] = [
    ['', 'zip', 'artifacts.zip', 'gitlab-runner falls back to it'],
    ['app', '', 'app.zip', 'zip is what is usual'],
    ['app', 'zip', 'app.zip', 'its ending'],
    ['app', 'gzip', 'app.gz', 'its ending'],
    ['app', 'raw', 'app', 'a file as it is'],
    ['a/b', 'zip', 'b.zip', 'only the last part'],
    ['../../etc/passwd', 'zip', 'passwd.zip', 'no way out'],
    ['a/b//', 'zip', 'b.zip', 'slashes at the end say nothing'],
    ['..', 'raw', '..', 'as Go has it'],
    ['.', 'zip', 'default.zip', 'no name'],
    ['/', 'zip', '/.zip', 'as Go has it'],
    ['a\nb', 'raw', 'a\nb', 'a line end is no slash'],
  ];
  for (const [name, format, expected, why] of cases) {
    it(`for ${JSON.stringify(name)} as ${format} is ${JSON.stringify(expected)}: ${why}`, () => {
      assert.equal(uploadFilename(artifactOf({ name, artifact_format: format }), name), expected);
    });
  }

  it('is found quickly, also behind many slashes', () => {
    const name = `${'/'.repeat(20_000)}x`;
    assert.equal(
      assertQuick(() => uploadFilename(artifactOf({ name }), name)),
      'x.zip',
    );
  });

  it('is default when it is empty after the expansion', () => {
    assert.equal(uploadFilename(artifactOf({ name: '$NOTHING' }), ''), 'default.zip');
  });
});
