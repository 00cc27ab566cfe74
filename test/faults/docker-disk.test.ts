import { rmSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { it } from '../support/faults/fault-report.ts';
import type { Installation } from '../support/installation.ts';
import { COUNTED, openOwnPlace, tryFault, type OwnPlace } from '../support/faults/own-trials.ts';
import type { FakeJob } from '../support/fake-gitlab/types.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';
import {
  copyImages,
  openSecondDaemon,
  whyNoSecondDaemon,
  type SecondDaemon,
} from '../support/docker/second-daemon.ts';

const DISK_MIB = 400;

describe("the disk of Docker's own files", { skip: whyNoSecondDaemon() ?? false }, () => {
  let daemon: SecondDaemon;
  let place: OwnPlace;
  let installation: Installation;
  before(async () => {
    daemon = await openSecondDaemon({ diskMib: DISK_MIB });
    await daemon.start({ liveRestore: false });
    await copyImages(daemon.host);
    place = await openOwnPlace({ daemon });
    installation = place.installation;
    await installation.start();
  });
  after(async () => {
    await place.close();
    await daemon.close();
  });

  const add = (...script: string[]): FakeJob =>
    installation.gitlab.addJob({ script: [COUNTED, ...script], variables: [NO_GIT] });

  async function runNext(next: FakeJob): Promise<void> {
    await next.whenFinished(60_000);
    assertJob(next, { state: 'success', log: ['next'] });
    await installation.whenClean();
  }

  it('is filled by a script: the script fails with the message of its own program', () =>
    tryFault(
      place,
      { fault: 'disk of Docker filled', moment: 'script' },
      async ({ watch, mended }) => {
        const fill = 'dd if=/dev/zero of=big bs=1M count=1000';
        const job = watch(add('echo begun', fill, 'echo never'), ['begun']);
        await job.whenFinished(60_000);
        mended(); // The script's files were removed with its container.
        assertJob(job, {
          ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
          log: ['begun', 'No space left on device', 'ERROR: Job failed: exit code 1'],
          never: ['echo never\nnever'],
        });
        await installation.whenClean();
        await runNext(watch(add('echo next'), ['next']));
      },
    ));

  it('is full before a job: the job fails as a system failure that says so, and the next one succeeds', () =>
    tryFault(
      place,
      { fault: 'disk of Docker full', moment: 'prepare' },
      async ({ watch, mended }) => {
        const ballast = join(daemon.dataRoot, 'ballast');
        const { bavail, bsize } = await statfs(daemon.dataRoot);
        writeFileSync(ballast, Buffer.alloc(bavail * bsize));
        const job = watch(add('echo never'));
        await job.whenFinished(120_000);
        rmSync(ballast);
        mended();
        assertJob(job, {
          ...{ state: 'failed', failureReason: 'runner_system_failure' },
          log: [
            'Preparation failed',
            /ERROR: Job failed \(system failure\): .*no space left on device/,
          ],
        });
        await installation.whenClean();
        await runNext(watch(add('echo next'), ['next']));
      },
    ));
});
