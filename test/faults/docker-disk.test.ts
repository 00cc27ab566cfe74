import { rmSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';
import {
  copyImages,
  openSecondDaemon,
  whyNoSecondDaemon,
  type SecondDaemon,
} from '../support/second-daemon.ts';

const DISK_MIB = 400;

describe("the disk of Docker's own files", { skip: whyNoSecondDaemon() ?? false }, () => {
  let daemon: SecondDaemon;
  let installation: Installation;
  before(async () => {
    daemon = await openSecondDaemon({ diskMib: DISK_MIB });
    await daemon.start({ liveRestore: false });
    await copyImages(daemon.host);
    installation = await openInstallation({ daemon });
    await installation.start();
  });
  after(async () => {
    await installation.close();
    await daemon.close();
  });

  async function runNext(): Promise<void> {
    const next = installation.gitlab.addJob({ script: ['echo next'], variables: [NO_GIT] });
    await next.whenFinished(60_000);
    assertJob(next, { state: 'success', log: ['next'] });
    await installation.whenClean();
  }

  it('is filled by a script: a failure of the script, with the words of its own program', async () => {
    const script = ['echo begun', 'dd if=/dev/zero of=big bs=1M count=1000', 'echo never'];
    const job = installation.gitlab.addJob({ script, variables: [NO_GIT] });
    await job.whenFinished(60_000);
    assertJob(job, {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
      log: ['begun', 'No space left on device', 'ERROR: Job failed: exit code 1'],
      never: ['echo never\nnever'],
    });
    await installation.whenClean();
    await runNext();
  });

  it('is full before a job: a failure of the system that says so, and the next one succeeds', async () => {
    const ballast = join(daemon.dataRoot, 'ballast');
    const { bavail, bsize } = await statfs(daemon.dataRoot);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize));
    const job = installation.gitlab.addJob({ script: ['echo never'], variables: [NO_GIT] });
    await job.whenFinished(120_000);
    rmSync(ballast);
    assertJob(job, {
      ...{ state: 'failed', failureReason: 'runner_system_failure' },
      log: [
        'Preparation failed',
        /ERROR: Job failed \(system failure\): .*no space left on device/,
      ],
    });
    await installation.whenClean();
    await runNext();
  });
});
