import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';
import { temporalCli } from '../support/temporal/temporal-cli.ts';

/** Returns the path of a program that is the installed Temporal CLI but reports a newer version. */
async function newerTemporal(directory: string): Promise<string> {
  const file = join(directory, 'newer-temporal');
  const version = 'temporal version 99.0.0 (Server 99.0.0, UI 99.0.0)';
  const say = `if [ "$1" = --version ]; then echo '${version}'; exit; fi`;
  await writeFile(file, `#!/bin/sh\n${say}\nexec '${temporalCli()}' "$@"\n`, { mode: 0o755 });
  return file;
}

/**
 * Counts how often the script ran. The count is in a file on a volume that outlives the containers.
 */
const COUNTED = [
  'echo run >> /cache/runs',
  'for i in $(seq 1 60); do echo "line $i"; sleep 0.1; done',
  'echo "runs: $(wc -l < /cache/runs)"',
  'rm /cache/runs',
];

describe('re-attachment', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({
      concurrent: 2,
      dockerToml: '    volumes = ["/cache"]',
    });
    await installation.start();
  });
  after(() => installation.close());

  const assertWhole = (log: string): void => {
    const lines = [...log.matchAll(/^line (\d+)$/gm)].map(([, number]) => Number(number));
    assert.deepEqual(
      lines,
      Array.from({ length: 60 }, (_, i) => i + 1),
      'every line once, in order',
    );
  };

  it('continues after kill -9 in the script: nothing runs twice, each line is there once', async () => {
    const job = installation.gitlab.addJob({ script: COUNTED, variables: [NO_GIT] });
    await job.whenLog(/^line 10$/m);
    await installation.runner.end('SIGKILL');
    await installation.start();
    await job.whenFinished();
    assertJob(job, { state: 'success', log: ['line 60', 'runs: 1', 'Job succeeded'] });
    assertWhole(job.log);
    assert.equal(job.handedOut, 1);
    await installation.whenClean();
    assert.deepEqual(installation.gitlab.violations, []);
  });

  it('finishes a job whose script ended while no worker ran', async () => {
    const job = installation.gitlab.addJob({ script: [...COUNTED, 'exit 7'], variables: [NO_GIT] });
    await job.whenLog(/^line 1$/m);
    await installation.runner.end('SIGKILL');
    // The test is about an outage of this length.
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    await installation.start();
    await job.whenFinished();
    assertJob(job, {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: 7,
      log: ['line 60', 'runs: 1'],
    });
    assertWhole(job.log);
    await installation.whenClean();
  });

  it('exits with 0 on SIGTERM, and continues its builds after the next start', async () => {
    const job = installation.gitlab.addJob({ script: COUNTED, variables: [NO_GIT] });
    await job.whenLog(/^line 5$/m);
    assert.equal(await installation.runner.end('SIGTERM'), 0);
    await installation.start();
    await job.whenFinished();
    assertJob(job, { state: 'success', log: ['line 60', 'runs: 1', 'Job succeeded'] });
    assertWhole(job.log);
    await installation.whenClean();
  });

  it('continues after an upgrade of the embedded Temporal, which begins with a new database', async () => {
    const { directory } = installation;
    const job = installation.gitlab.addJob({ script: COUNTED, variables: [NO_GIT] });
    await job.whenLog(/^line 5$/m);
    assert.equal(await installation.runner.end('SIGTERM'), 0);
    const runner = await installation.start({ TEMPORAL_CLI_PATH: await newerTemporal(directory) });
    await runner.whenLog(/"msg":"the embedded Temporal begins with a new database/);
    await job.whenFinished();
    assertJob(job, { state: 'success', log: ['line 60', 'runs: 1', 'Job succeeded'] });
    assertWhole(job.log);
    const next = installation.gitlab.addJob({ script: ['echo next'], variables: [NO_GIT] });
    await next.whenFinished();
    assertJob(next, { state: 'success', log: ['next'] });
    assert.deepEqual([job.handedOut, next.handedOut], [1, 1]);
    await installation.whenClean();
    assert.deepEqual(installation.gitlab.violations, []);
  });

  it('asks for jobs again within five seconds after a restart', async () => {
    await installation.runner.end('SIGKILL');
    await installation.start();
    const before = Date.now();
    const job = installation.gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    await job.whenState(['running'], 5_000);
    assert.ok(Date.now() - before < 5_000);
    await job.whenFinished();
    await installation.whenClean();
  });
});
