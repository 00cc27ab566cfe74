import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab, type Moment } from '../support/faults/faults.ts';
import {
  freeFiles,
  leaveFiles,
  shortenFiles,
  whenEnough,
  whenShort,
  startWithLimit,
} from '../support/faults/open-files-faults.ts';
import { COUNTED, openOwnPlace, tryFault, type OwnPlace } from '../support/faults/own-trials.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const LONG_POLL_MS = 2_000;
const SPARE = 10;
const MOMENTS: readonly Moment[] = [
  ...(['handed out', 'prepare', 'script', 'artifact upload', 'final update'] as const),
];

describe('a process that may open only a few more files', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const moment of MOMENTS) {
    it(`from the moment "${moment}" on continues its job`, () =>
      lab.run({ moment, fault: shortenFiles(SPARE, 3_000), goesOn: true }));
  }
});

describe('the files that a process may open', () => {
  const open = (concurrent: number): Promise<OwnPlace> =>
    openOwnPlace({ concurrent, gitlab: { longPollMs: LONG_POLL_MS } });

  it('are used up: no job is requested until some are free again', async (t) => {
    const place = await open(1);
    t.after(() => place.close());
    const { installation } = place;
    await installation.start();
    await tryFault(
      place,
      { fault: 'open files used up', moment: 'no job' },
      async ({ watch, mended }) => {
        leaveFiles(installation, SPARE);
        await whenShort(installation);
        // GitLab may hold an earlier request open for this long, and no event reports its end.
        await delay(LONG_POLL_MS + 1_000);
        const spec = { script: [COUNTED, 'echo at last'], variables: [NO_GIT] };
        const job = watch(installation.gitlab.addJob(spec), ['at last']);
        await assert.rejects(job.whenFinished(5_000));
        assert.equal(job.handedOut, 0);
        freeFiles(installation);
        mended();
        await whenEnough(installation);
        await job.whenFinished(60_000);
        assertJob(job, { state: 'success', log: ['at last'] });
        await installation.whenClean();
      },
    );
  });

  it('are 256: fewer builds run at once than configured, and all of them succeed', async (t) => {
    const place = await open(20);
    t.after(() => place.close());
    const { installation } = place;
    const runner = startWithLimit(installation, 256);
    t.after(() => runner.end('SIGTERM').then(() => undefined));
    const told = JSON.parse(await runner.whenLog(/fewer builds at once/)) as { builds: number };
    assert.equal(told.builds, 14);
    await tryFault(
      place,
      { fault: 'limit of open files 256', moment: 'script' },
      async ({ watch, mended }) => {
        mended(); // This fault does not end: the limit stays.
        const jobs = Array.from({ length: 18 }, (_, index) => {
          const script = [COUNTED, 'sleep 2', `echo job ${index} ends`];
          const job = installation.gitlab.addJob({ script, variables: [NO_GIT] });
          return watch(job, [`job ${index} ends`]);
        });
        await Promise.all(jobs.map((job) => job.whenFinished(180_000)));
        for (const job of jobs) assertJob(job, { state: 'success' });
        await installation.whenClean();
        assert.ok(!runner.hasExited, 'the program has ended');
      },
    );
  });
});
