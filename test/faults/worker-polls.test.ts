import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { it } from '../support/faults/fault-report.ts';
import { COUNTED, openOwnPlace, tryFault, type OwnPlace } from '../support/faults/own-trials.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const POLL_LIMIT_MS = 5_000;

describe('a worker that was killed while a job ran', () => {
  let place: OwnPlace;
  before(async () => {
    place = await openOwnPlace({ concurrent: 2 });
    await place.installation.start();
  });
  after(() => place.close());

  for (const [signal, fault] of [
    ['SIGKILL', 'worker killed'],
    ['SIGTERM', 'worker told to stop'],
  ] as const) {
    it(`by ${signal} requests the next one within five seconds of its start`, () =>
      tryFault(place, { fault, moment: 'script' }, async ({ watch, mended }) => {
        const { installation, witness } = place;
        const { gitlab } = installation;
        const script = [COUNTED, 'until [ -e "/witness/$CI_JOB_ID.go" ]; do sleep 0.1; done'];
        const running = watch(gitlab.addJob({ script, variables: [NO_GIT] }));
        await running.whenLog(/until/);
        await installation.runner.end(signal);
        const waiting = watch(gitlab.addJob({ script: [COUNTED], variables: [NO_GIT] }));
        await installation.start();
        mended();
        await waiting.whenState(['running', 'success'], POLL_LIMIT_MS);
        await writeFile(join(witness, `${running.id}.go`), '');
        for (const job of [running, waiting]) {
          await job.whenFinished();
          assertJob(job, { state: 'success' });
        }
        await installation.whenClean(60_000);
      }));
  }
});
