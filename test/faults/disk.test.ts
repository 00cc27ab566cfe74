import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { it } from '../support/faults/fault-report.ts';
import type { Installation } from '../support/installation.ts';
import { COUNTED, openOwnPlace, tryFault, type OwnPlace } from '../support/faults/own-trials.ts';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { buildsOf } from '../support/leftovers.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const DISK_MIB = 16;
const LONG_POLL_MS = 2_000;
const skip = process.getuid?.() === 0 ? false : 'mounting a small disk needs root';

describe('a state directory on a small disk', { skip }, () => {
  let place: OwnPlace;
  let installation: Installation;
  let builds: string;

  before(async () => {
    place = await openOwnPlace({
      runnerToml: '  output_limit = 65536',
      gitlab: { longPollMs: LONG_POLL_MS },
    });
    installation = place.installation;
    builds = join(installation.stateDir, 'builds');
    mkdirSync(builds, { recursive: true, mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m,mode=700`, 'tmpfs', builds]);
    await installation.start();
  });
  after(async () => {
    await installation.runner.end('SIGTERM');
    execFileSync('umount', ['--lazy', builds]);
    await place.close();
  });

  const add = (...script: string[]): FakeJob =>
    installation.gitlab.addJob({ script: [COUNTED, ...script], variables: [NO_GIT] });

  it('fails a job that fills it with that reason, and the node takes the next one', () =>
    tryFault(
      place,
      { fault: 'disk of the builds filled', moment: 'script' },
      async ({ watch, mended }) => {
        const fill = `yes ${'x'.repeat(99)} | head -c 40000000`;
        const job = watch(add('echo begun', fill, 'echo all is well'), ['begun']);
        await job.whenFinished(90_000);
        mended(); // The disk has room again, because the files of the job were removed.
        assertJob(job, {
          state: 'failed',
          failureReason: 'runner_system_failure',
          log: [
            'begun',
            'xxxx',
            /ERROR: Job failed \(system failure\): cannot write \S+\/builds\//,
          ],
          never: ['all is well'],
        });
        await installation.whenClean();
        const next = watch(add('echo next'), ['next']);
        await next.whenFinished(60_000);
        assertJob(next, { state: 'success', log: ['next'] });
        await installation.whenClean();
      },
    ));

  it('causes no job request while it is full, and one when there is room again', () =>
    tryFault(
      place,
      { fault: 'disk of the builds full', moment: 'no job' },
      async ({ watch, mended }) => {
        const ballast = join(builds, 'ballast');
        writeFileSync(ballast, Buffer.alloc((DISK_MIB - 1) * 1024 * 1024 + 512 * 1024));
        await installation.runner.whenLog(/the disk is full, no job is asked for/);
        // GitLab may hold an earlier request open for this long, and no event reports its end.
        await delay(LONG_POLL_MS + 1_000);
        const job = watch(add('echo at last'), ['at last']);
        await assert.rejects(job.whenFinished(5_000));
        assert.equal(job.handedOut, 0);
        rmSync(ballast);
        mended();
        await job.whenFinished(60_000);
        assertJob(job, { state: 'success', log: ['at last'] });
        await installation.whenClean();
        assert.deepEqual(await buildsOf(installation.stateDir), []);
      },
    ));
});
