import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { startOuterTemporal } from '../support/faults/temporal-faults.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { startRunnerProcess, type RunnerProcess } from '../support/runner-process.ts';
import { NO_GIT } from '../support/scenario.ts';

describe('signals', () => {
  let installation: Installation;
  beforeEach(async () => {
    installation = await openInstallation({ concurrent: 1 });
    await installation.start();
  });
  afterEach(() => installation.close());

  const waiting = (name: string) => ({
    name,
    script: ['echo begun', 'while [ ! -e /cache/go ]; do sleep 0.1; done'],
    variables: [NO_GIT],
  });

  it('SIGQUIT takes no more jobs, waits for the running build and exits with 0', async () => {
    const { gitlab } = installation;
    const job = gitlab.addJob({ script: ['echo begun', 'sleep 4'], variables: [NO_GIT] });
    await job.whenLog(/^begun$/m);
    const next = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    const exitCode = await installation.runner.end('SIGQUIT', 60_000);
    assert.equal(exitCode, 0);
    assert.equal(job.state, 'success');
    assert.equal(next.state, 'pending');
    await installation.whenClean();
  });

  it('kill -9, a start, a stop and a start log nothing that only a developer understands', async () => {
    const job = installation.gitlab.addJob(waiting('long'));
    await job.whenLog(/^begun$/m);
    await installation.runner.end('SIGKILL');
    const killed = await installation.start();
    await killed.whenLog(/"msg":"build goes on"/);
    await killed.end('SIGTERM');
    const last = await installation.start();
    await last.whenLog(/"msg":"build goes on"/);
    job.cancel();
    await job.whenFinished();
    await installation.whenClean();
    // Lines of the SDK contain these fields. The other texts are about the stop itself.
    const cryptic =
      /"sdk":"temporal"|task_token|"msg":"(job request not answered|config not loaded)/;
    for (const line of [...killed.lines, ...last.lines]) {
      if (/"level":"(warning|error)"/.test(line)) assert.doesNotMatch(line, cryptic);
    }
  });

  it('SIGHUP applies a new `concurrent` without a restart', async () => {
    const { gitlab, configPath } = installation;
    const first = gitlab.addJob(waiting('first'));
    const second = gitlab.addJob(waiting('second'));
    await first.whenLog(/^begun$/m);
    assert.equal(second.state, 'pending', 'there is one slot');
    const config = await readFile(configPath, 'utf8');
    await writeFile(configPath, config.replace('concurrent = 1', 'concurrent = 2'));
    installation.runner.signal('SIGHUP');
    await second.whenLog(/^begun$/m, 20_000);
    first.cancel();
    second.cancel();
    await Promise.all([first.whenFinished(), second.whenFinished()]);
    await installation.whenClean();
  });

  it('a broken config.toml changes nothing, and the log names its line; a good one is applied', async () => {
    const { gitlab, configPath } = installation;
    const config = await readFile(configPath, 'utf8');
    await writeFile(configPath, `${config}\n[[runners]\n`);
    installation.runner.signal('SIGHUP');
    await installation.runner.whenLog(/config\.toml:\d+:\d+: this is not TOML/);
    const job = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    assert.equal(await job.whenFinished(), 'success');
    await writeFile(configPath, config.replaceAll(/^\[\[runners\]\][^]*$/gm, ''));
    installation.runner.signal('SIGHUP');
    // The current job request may still bring a job. The pause is long enough to show that no later
    // request brings one.
    await delay(6_000);
    const before = gitlab.requests.length;
    const later = gitlab.addJob({ script: ['true'], variables: [NO_GIT] });
    await delay(3_000);
    assert.equal(later.state, 'pending', 'the runner was removed from the config');
    assert.equal(gitlab.requests.length, before);
  });
});

describe('a reload while Temporal is away', () => {
  it('takes effect when Temporal is back', async () => {
    const temporal = await startOuterTemporal();
    const installation = await openInstallation({
      concurrent: 1,
      env: { TEMPORAL_ADDRESS: temporal.address },
    });
    try {
      const runner = await installation.start();
      await temporal.kill();
      const config = await readFile(installation.configPath, 'utf8');
      await writeFile(installation.configPath, config.replace('concurrent = 1', 'concurrent = 2'));
      // The node notices the change once.
      await runner.whenLog(/"msg":"reload not signaled, tried again until it is"/, 90_000);
      await temporal.start();
      await runner.whenLog(/"changes":\["concurrent: 1 → 2"\]/, 60_000);
    } finally {
      await installation.close();
      await temporal.close();
    }
  });
});

describe('SIGTERM while the process starts', () => {
  const directories: string[] = [];
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) server.close();
    for (const directory of directories.splice(0)) await rm(directory, { recursive: true });
  });

  const openDirectory = async (): Promise<string> => {
    const directory = await mkdtemp(join(tmpdir(), 'tgr-start-'));
    directories.push(directory);
    await writeFile(join(directory, 'config.toml'), 'concurrent = 1\n', { mode: 0o600 });
    return directory;
  };
  const start = (directory: string, env: Readonly<Record<string, string>> = {}) =>
    startRunnerProcess({
      args: ['run', '--config', join(directory, 'config.toml')],
      env: { TEMPORAL_GITLAB_RUNNER_STATE_DIR: join(directory, 'state'), ...env },
    });

  it('ends it with 0 after its first line, and leaves no lock', async () => {
    const directory = await openDirectory();
    const runner = start(directory);
    await runner.whenLog(/"msg":"Runtime platform"/);
    assert.equal(await runner.end('SIGTERM'), 0);
    assert.ok(!runner.lines.some((line) => /"level":"(warning|error)/.test(line)));
    assert.ok(!(await readdir(join(directory, 'state')).catch(() => [''])).includes('lock'));
  });

  it('ends it with 0 while it waits for a Temporal that never answers', async () => {
    const directory = await openDirectory();
    const server = createServer();
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const connected = once(server, 'connection');
    const runner = start(directory, { TEMPORAL_ADDRESS: `127.0.0.1:${port}` });
    await connected;
    // The file is read again at the end of the start, so a reload at this moment changes nothing.
    runner.signal('SIGHUP');
    assert.equal(await runner.end('SIGTERM'), 0);
    assert.ok(!runner.lines.some((line) => /"level":"(warning|error)/.test(line)));
  });

  it('ends it with 0 also when a SIGHUP comes before and after it', async () => {
    const directory = await openDirectory();
    const runner = start(directory);
    await runner.whenLog(/"msg":"Runtime platform"/);
    runner.signal('SIGHUP');
    const ended = runner.end('SIGTERM');
    runner.signal('SIGHUP');
    assert.equal(await ended, 0);
  });

  for (const [when, versionAnswer] of [
    ['does not come up', 'if [ "$1" = --version ]; then echo \'Server 1.32.0\'; exit; fi'],
    ['does not say its version', ':'],
  ] as const) {
    it(`ends it and its own Temporal, with 0, while that ${when}`, async () => {
      const directory = await openDirectory();
      const program = join(directory, 'temporal');
      const record = join(directory, 'hangs.json');
      const lines = [
        versionAnswer,
        `echo "{\\"pid\\":$$}" >${record}.new`,
        `mv ${record}.new ${record}`,
      ];
      const script = ['#!/bin/sh', ...lines, 'exec sleep 600', ''].join('\n');
      await writeFile(program, script, { mode: 0o755 });
      const runner = start(directory, { TEMPORAL_CLI_PATH: program });
      const pid = await whenWritten(record, runner);
      assert.equal(await runner.end('SIGTERM'), 0);
      await whenGone(pid);
      assert.ok(!runner.lines.some((line) => /"level":"(warning|error)/.test(line)));
    });
  }
});

const GONE_WITHIN_MS = 5_000;

/**
 * Waits until a process is gone. The runner kills it and ends at once, so it may be dying still. It
 * is no child of the tests, so there is no event for its end.
 */
async function whenGone(pid: number): Promise<void> {
  const endMs = performance.now() + GONE_WITHIN_MS;
  while (isThere(pid)) {
    if (performance.now() > endMs) throw new Error(`process ${pid} is still there`);
    await delay(20);
  }
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Returns the process id that a program has written to a file. */
async function whenWritten(record: string, runner: RunnerProcess): Promise<number> {
  while (!runner.hasExited) {
    const text = await readFile(record, 'utf8').catch(() => undefined);
    if (text !== undefined) return (JSON.parse(text) as { readonly pid: number }).pid;
    await delay(20);
  }
  throw new Error(`the runner ended: ${runner.lines.join('\n')}`);
}
