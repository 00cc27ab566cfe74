import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type Fault, type FaultLab } from '../support/faults/faults.ts';
import type { Installation } from '../support/installation.ts';
import {
  COUNTED,
  openOwnPlace,
  tryFault,
  type OwnPlace,
  type Observation,
  type OwnTrial,
} from '../support/faults/own-trials.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';
import {
  startSecondInstallation,
  type SecondInstallation,
} from '../support/second-installation.ts';

// A race in GitLab can hand a job out twice: gitlab#578881.

describe('a job that is handed out once more to the same runner', () => {
  let lab: FaultLab;
  before(async () => {
    // There is a slot for a second job, which must not be used.
    lab = await openFaultLab({ concurrent: 2, runnerToml: '  limit = 2' });
  });
  after(() => lab.close());

  for (const moment of ['handed out', 'acknowledged', 'prepare', 'script'] as const) {
    it(`from the moment "${moment}" on runs once`, () =>
      lab.run({ moment, fault: handOutAgain(), handedOut: 2 }));
  }

  it('after its end does not run again, and keeps its result', () =>
    tryFault(lab, { fault: HANDED_OUT_TWICE, moment: 'ended' }, async ({ watch, mended }) => {
      const { installation } = lab;
      const { gitlab } = installation;
      const script = [COUNTED, 'echo once'];
      const job = watch(gitlab.addJob({ script, variables: [NO_GIT] }), ['once']);
      await job.whenFinished();
      await installation.whenClean();
      const before = job.trace.toString();
      job.handOutAgain();
      await whenHandedOut(installation, job, 2);
      mended();
      await installation.runner.whenLog(
        /"msg":"job was handed out again after it had ended, so it is not run"/,
      );
      await installation.whenClean(60_000);
      assertJob(job, { state: 'success' });
      assert.equal(job.trace.toString(), before);
      await assertTakesJobs(installation, watch);
      await installation.whenClean();
      assert.deepEqual(gitlab.violations, []);
    }));
});

const HANDED_OUT_TWICE = 'GitLab hands the job out twice';

function handOutAgain(): Fault {
  return {
    name: HANDED_OUT_TWICE,
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

async function assertTakesJobs(
  { gitlab }: Installation,
  watch: Observation['watch'],
): Promise<void> {
  const script = [COUNTED, 'echo next'];
  const next = watch(gitlab.addJob({ script, variables: [NO_GIT] }), ['next']);
  assert.equal(await next.whenFinished(), 'success', next.log);
}

describe('two installations with one token', () => {
  let place: OwnPlace;
  let first: Installation;
  let second: SecondInstallation;
  before(async () => {
    place = await openOwnPlace({ concurrent: 1, runnerToml: '  limit = 1' });
    first = place.installation;
    await first.start();
    second = await startSecondInstallation(first);
  });
  after(async () => {
    await second.close();
    await place.close();
  });

  const whenBothClean = async (): Promise<void> => {
    await first.whenClean(60_000);
    await second.whenClean(60_000);
  };
  const trial = (fault: string, moment: string): OwnTrial => ({
    ...{ fault, moment },
    others: [second],
  });
  const countReceived = (job: FakeJob): readonly number[] =>
    [first.runner, second.runner].map(({ lines }) => countLines(lines, job, 'job received'));

  it('share the jobs: each job runs on one, and both have some', () =>
    tryFault(place, trial('two installations with one token', 'asked'), async (observation) => {
      const { watch, mended } = observation;
      const script = [COUNTED, 'echo here', 'sleep 3'];
      const jobs = [1, 2].map(() =>
        watch(first.gitlab.addJob({ script, variables: [NO_GIT] }), ['here']),
      );
      mended();
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
    }));

  it('get the same job: one runs it, and the other is refused without failing it', () =>
    tryFault(place, trial('two installations get one job', 'script'), async (observation) => {
      const { watch, mended } = observation;
      const { gitlab } = first;
      const script = [COUNTED, 'echo once', 'sleep 15', 'echo end'];
      const job = watch(gitlab.addJob({ script, variables: [NO_GIT] }), ['once', 'end']);
      await job.whenLog(/once/);
      // The node that runs the job has no free slot, so the other node gets it.
      job.handOutAgain();
      const runner = countReceived(job)[0] === 1 ? second.runner : first.runner;
      await runner.whenLog(new RegExp(`"job":${job.id}.*"msg":"job is taken by another runner"`));
      mended();
      await job.whenFinished();
      assertJob(job, { state: 'success', log: ['once', 'end'] });
      assert.deepEqual(countReceived(job), [1, 1]);
      assert.equal(job.log.split('\n').filter((line) => line === 'once').length, 1);
      await whenBothClean();
      assert.deepEqual(gitlab.violations, []);
    }));

  it('get the same job, the second after its end: it does not run again', () =>
    tryFault(place, trial('two installations get one job', 'ended'), async (observation) => {
      const { watch, mended } = observation;
      const { gitlab } = first;
      const script = [COUNTED, 'echo once'];
      const job = watch(gitlab.addJob({ script, variables: [NO_GIT] }), ['once']);
      await job.whenFinished();
      await whenBothClean();
      const before = job.trace.toString();
      job.handOutAgain();
      await whenHandedOut(first, job, 2);
      mended();
      await whenBothClean();
      assertJob(job, { state: 'success' });
      assert.equal(job.trace.toString(), before);
      await assertTakesJobs(first, watch);
      await whenBothClean();
      assert.deepEqual(gitlab.violations, []);
    }));
});

function countLines(lines: readonly string[], { id }: FakeJob, message: string): number {
  const pattern = new RegExp(`"job":${id},.*"msg":"${message}"`);
  return lines.filter((line) => pattern.test(line)).length;
}
