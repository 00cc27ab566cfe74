import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { createFakeGitLab, type FakeGitLab } from '../support/fake-gitlab/index.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

/**
 * The number is random, because the names of containers contain it and other tests use this Docker
 * too.
 */
const FIRST_JOB_ID = randomInt(1_000_000, 100_000_000);

/** Creates a new GitLab at the same address, with the same runner. Its job ids begin again. */
async function makeAnew({ gitlab, tokens }: Installation, old: FakeGitLab): Promise<FakeGitLab> {
  await old.close();
  const { hostname, port } = new URL(gitlab.url);
  const anew = await createFakeGitLab({
    ...{ host: '0.0.0.0', advertiseHost: hostname, port: Number(port) },
    ...{ firstJobId: FIRST_JOB_ID, longPollMs: 2_000 },
  });
  for (const token of tokens) anew.addRunner({ token });
  return anew;
}

describe('a GitLab that is installed again at the same address', () => {
  let installation: Installation;
  let gitlab: FakeGitLab;
  before(async () => {
    installation = await openInstallation({
      ...{ concurrent: 2, gitlab: { firstJobId: FIRST_JOB_ID } },
      dockerToml: '    volumes = ["/cache"]',
    });
    ({ gitlab } = installation);
    await installation.start();
  });
  after(async () => {
    await gitlab.close();
    await installation.close();
  });

  it('has its job run although an ended job had the same id', async () => {
    const old = gitlab.addJob({ script: ['echo old'], variables: [NO_GIT] });
    await old.whenFinished();
    await installation.whenClean();
    gitlab = await makeAnew(installation, gitlab);
    const job = gitlab.addJob({ script: ['echo anew', 'exit 3'], variables: [NO_GIT] });
    assert.equal(job.id, old.id);
    await job.whenFinished();
    const failed = { state: 'failed', failureReason: 'script_failure', exitCode: 3 } as const;
    assertJob(job, { ...failed, log: ['anew'] });
    await installation.whenClean();
    assert.deepEqual([...gitlab.violations], []);
  });

  it('has its job run although one with the same id still runs here, which then ends', async () => {
    gitlab = await makeAnew(installation, gitlab);
    const script = ['echo old', 'while :; do echo goes on; sleep 0.5; done'];
    const old = gitlab.addJob({ script, variables: [NO_GIT] });
    await old.whenLog(/^goes on$/m);
    gitlab = await makeAnew(installation, gitlab);
    const job = gitlab.addJob({ script: ['echo anew'], variables: [NO_GIT] });
    assert.equal(job.id, old.id);
    await job.whenFinished();
    assertJob(job, { state: 'success', log: ['anew', 'Job succeeded'] });
    assert.doesNotMatch(job.log, /goes on/);
    await installation.whenClean(60_000);
  });

  it('restored from a backup has a job failed that has run before, and does not run it again', async () => {
    gitlab = await makeAnew(installation, gitlab);
    const script = ['echo run >> /cache/runs', 'echo "runs: $(wc -l < /cache/runs)"'];
    const job = gitlab.addJob({ script, variables: [NO_GIT] });
    await job.whenFinished();
    assertJob(job, { state: 'success', log: ['runs: 1'] });
    await installation.whenClean();
    job.restore();
    await job.whenFinished();
    assertJob(job, {
      ...{ state: 'failed', failureReason: 'runner_system_failure' },
      log: [
        /ERROR: Job failed \(system failure\): this job has run before.*Retry it to run it anew/,
      ],
    });
    await installation.whenClean();
    const next = gitlab.addJob({ script, variables: [NO_GIT] });
    await next.whenFinished();
    assertJob(next, { state: 'success', log: ['runs: 2'] });
    await installation.whenClean();
    assert.deepEqual([...gitlab.violations], []);
  });
});
