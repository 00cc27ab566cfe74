import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inlineSeccomp } from '../../../src/adapters/docker/seccomp.ts';
import { FailureType } from '../../../src/domain/failure.ts';

/** Its number has 64 bits, and so does not pass through a number of JavaScript. */
const PROFILE = '{\n "defaultAction": "SCMP_ACT_ALLOW", "value": 18446744073709551615 }';

describe('a seccomp profile', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-test-'));
    await writeFile(join(directory, 'good.json'), `\n${PROFILE}\n`);
    await writeFile(join(directory, 'bad.json'), 'canary');
  });
  after(() => rm(directory, { recursive: true }));

  it('is read on the runner’s side, in either spelling, and sent as it is', async () => {
    const inlined = `seccomp=${PROFILE}`;
    const path = join(directory, 'good.json');
    assert.deepEqual(await inlineSeccomp([`seccomp=${path}`, `seccomp:${path}`]), [
      inlined,
      inlined,
    ]);
  });

  for (const option of [
    'seccomp=unconfined',
    'seccomp=builtin',
    'seccomp={"a":1}',
    'apparmor=seccomp=x',
    'no-new-privileges',
    '',
  ]) {
    it(`is not searched for in "${option}"`, async () => {
      assert.deepEqual(await inlineSeccomp([option]), [option]);
    });
  }

  for (const name of ['bad.json', 'absent.json', '.']) {
    it(`of ${name} is a configuration error that names it without its content`, async () => {
      await assert.rejects(inlineSeccomp([`seccomp=${join(directory, name)}`]), (error) => {
        assert.ok(error instanceof Error && 'type' in error);
        assert.equal(error.type, FailureType.RunnerConfiguration);
        assert.ok(error.message.includes(join(directory, name)), error.message);
        assert.doesNotMatch(error.message, /canary/);
        return true;
      });
    });
  }
});
