import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { openFaultLab, type Fault, type FaultLab } from '../support/faults.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';
import {
  startSecondInstallation,
  type SecondInstallation,
} from '../support/second-installation.ts';

// GitLab hands a job out twice by a race of its own: gitlab#578881.

describe('a job that is handed out once more to the same runner', () => {
  let lab: FaultLab;
  before(async () => {
    // Room for a second one, which must not be used.
    lab = await openFaultLab({ concurrent: 2, runnerToml: '  limit = 2' });
  });
  after(() => lab.close());

  for (const moment of ['handed out', 'acknowledged', 'prepare', 'script'] as const) {
    it(`from the moment "${moment}" on runs once`, () =>
      lab.run({ moment, fault: handOutAgain(), handedOut: 2 }));
  }

  it('after it has ended is not run again, and its end stands', async () => {
    const { installation } = lab;
    const { gitlab } = installation;
    const job = gitlab.addJob({ script: ['echo once'], variables: [NO_GIT] });
    await job.whenFinished();
    await installation.whenClean();
    const before = job.trace.toString();
    job.handOutAgain();
    await whenHandedOut(installation, job, 2);
    await installation.runner.whenLog(/"msg":"build had ended without its clean-up, swept"/);
    await installation.whenClean(60_000);
    assertJob(job, { state: 'success' });
    assert.equal(job.trace.toString(), before);
    await assertTakesJobs(installation);
    assert.deepEqual(gitlab.violations, []);
  });
});

function handOutAgain(): Fault {
  return {
    name: 'GitLab hands the job out twice',
    strike: ({ job }) => job.handOutAgain(),
    mend: ({ installation, job }) => whenHandedOut(installation, job, 2),
  };
}

async function whenHandedOut({ gitlab }: Installation, job: FakeJob, times: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const watching = gitlab.intercept(() => {
      if (job.handedOut >= times) {
        watching.remove();
        resolve();
      }
      return undefined;
    });
  });
}

async function assertTakesJobs({ gitlab }: Installation): Promise<void> {
  const next = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
  assert.equal(await next.whenFinished(), 'success', next.log);
}

describe('two installations with one token', () => {
  let first: Installation;
  let second: SecondInstallation;
  before(async () => {
    first = await openInstallation({ concurrent: 1, runnerToml: '  limit = 1' });
    await first.start();
    second = await startSecondInstallation(first);
  });
  after(async () => {
    await second.close();
    await first.close();
  });

  const whenBothClean = async (): Promise<void> => {
    await first.whenClean(60_000);
    await second.whenClean(60_000);
  };
  const countReceived = (job: FakeJob): readonly number[] =>
    [first.runner, second.runner].map(({ lines }) => countLines(lines, job, 'job received'));

  it('share the jobs: each is run by one, and both have some', async () => {
    const script = ['sleep 3'];
    const jobs = [1, 2].map(() => first.gitlab.addJob({ script, variables: [NO_GIT] }));
    await Promise.all(jobs.map((job) => job.whenFinished()));
    for (const job of jobs) assertJob(job, { state: 'success' });
    assert.deepEqual(
      jobs.map(countReceived).toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0)),
      [
        [0, 1],
        [1, 0],
      ],
      'each has room for one',
    );
    await whenBothClean();
    assert.deepEqual(first.gitlab.violations, []);
  });

  it('get the same job: one runs it, the other is refused and fails nothing', async () => {
    const { gitlab } = first;
    const script = ['echo once', 'sleep 15', 'echo end'];
    const job = gitlab.addJob({ script, variables: [NO_GIT] });
    await job.whenLog(/once/);
    // Who runs it has no room for another.
    job.handOutAgain();
    const runner = countReceived(job)[0] === 1 ? second.runner : first.runner;
    await runner.whenLog(new RegExp(`"job":${job.id}.*"msg":"job is taken by another runner"`));
    await job.whenFinished();
    assertJob(job, { state: 'success', log: ['once', 'end'] });
    assert.deepEqual(countReceived(job), [1, 1]);
    assert.equal(job.log.split('\n').filter((line) => line === 'once').length, 1);
    await whenBothClean();
    assert.deepEqual(gitlab.violations, []);
  });

  it('get the same job, the second when it has ended: it is not run again', async () => {
    const { gitlab } = first;
    const job = gitlab.addJob({ script: ['echo once'], variables: [NO_GIT] });
    await job.whenFinished();
    await whenBothClean();
    const before = job.trace.toString();
    job.handOutAgain();
    await whenHandedOut(first, job, 2);
    await whenBothClean();
    assertJob(job, { state: 'success' });
    assert.equal(job.trace.toString(), before);
    await assertTakesJobs(first);
    assert.deepEqual(gitlab.violations, []);
  });
});

function countLines(lines: readonly string[], { id }: FakeJob, message: string): number {
  const pattern = new RegExp(`"job":${id},.*"msg":"${message}"`);
  return lines.filter((line) => pattern.test(line)).length;
}
