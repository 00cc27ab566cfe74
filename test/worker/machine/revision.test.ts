import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readRevision } from '../../../src/worker/machine/revision.ts';

let file = '';
before(async () => {
  file = join(await mkdtemp(join(tmpdir(), 'tgr-revision-')), 'revision.json');
});
after(() => rm(join(file, '..'), { recursive: true, force: true }));

describe('readRevision', () => {
  it('is HEAD when the build has written no revision', () => {
    assert.equal(readRevision(file), 'HEAD');
  });

  const contents: readonly [content: string, expected: string, why: string][] = [
    ['"d74dcf9"', 'd74dcf9', 'as git shortens it'],
    ['', 'HEAD', 'the build was cut off'],
    ['{}', 'HEAD', 'no text'],
    ['"main\\r\\nX-Evil: 1"', 'HEAD', 'it goes into a header'],
  ];
  for (const [content, expected, why] of contents) {
    it(`is ${expected} for ${content}: ${why}`, async () => {
      await writeFile(file, content);
      assert.equal(readRevision(file), expected);
    });
  }
});
