import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { filesWith, TOKEN, useGitJobs } from './support/git-job.ts';
import { describeForShells, plain } from './support/stage-runs.ts';

describeForShells('submodules of a job', 'all', (shell) => {
  const jobs = useGitJobs(shell);

  it('include submodules when the job wants them, with the token', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const job = jobOf({ path: 'group/outer', variables: { GIT_SUBMODULE_STRATEGY: 'normal' } });
    const output = await succeed(job);
    assert.match(output, /^Updating\/initializing submodules\.\.\.$/m);
    assert.match(output, /^Updated submodules$/m);
    const dir = dirOf(job);
    assert.deepEqual(
      [existsSync(join(dir, 'sub/sub')), existsSync(join(dir, 'sub/inner/inner'))],
      [true, false],
    );
  });

  it('include submodules of submodules, job after job, and each to a depth', async () => {
    const { jobOf, dirOf, succeed } = jobs();
    const job = jobOf({
      path: 'group/outer',
      variables: { GIT_SUBMODULE_STRATEGY: 'recursive', GIT_SUBMODULE_DEPTH: '1' },
    });
    for (const round of [1, 2]) {
      assert.match(await succeed(job), /submodules recursively with git depth set to 1\.\.\.$/m);
      const dir = dirOf(job);
      assert.ok(existsSync(join(dir, 'sub/inner/inner')), `round ${round}`);
      writeFileSync(join(dir, 'sub/inner/inner'), 'changed');
      writeFileSync(join(dir, 'sub/new'), 'new');
    }
    await succeed(job);
    assert.equal(readFileSync(join(dirOf(job), 'sub/inner/inner'), 'utf8'), 'i\n');
    assert.equal(existsSync(join(dirOf(job), 'sub/new')), false);
    assert.equal(filesWith(dirOf(job), TOKEN).length, 0);
  });

  it('fail when the submodule strategy is unknown', async () => {
    const { jobOf, getSources } = jobs();
    const run = await getSources(jobOf({ variables: { GIT_SUBMODULE_STRATEGY: 'all' } }));
    assert.equal(run.exitCode, 1);
    assert.match(plain(run.output), /^ERROR: unknown GIT_SUBMODULE_STRATEGY$/m);
  });
});
