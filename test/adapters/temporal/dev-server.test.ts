import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { describeProcess } from '../../../src/adapters/state/process-identity.ts';
import { startDevServer, type DevServer } from '../../../src/adapters/temporal/dev-server.ts';
import { temporalCli } from '../../support/temporal/temporal-cli.ts';
import { recordingLog } from '../../support/recording-log.ts';

const WORKFLOW = 'a-workflow-that-nobody-works-on';

describe('embedded Temporal', () => {
  let stateDir: string;
  let servers: DevServer[];
  let recording: ReturnType<typeof recordingLog>;

  beforeEach(async () => {
    stateDir = join(await mkdtemp(join(tmpdir(), 'dev-server-')), 'temporal');
    servers = [];
    recording = recordingLog();
  });
  afterEach(async () => {
    for (const server of servers) await server.stop();
    await rm(join(stateDir, '..'), { recursive: true });
  });

  const start = async (binary = temporalCli(), startLimitMs = 60_000): Promise<DevServer> => {
    const server = await startDevServer({ binary, stateDir, log: recording.log, startLimitMs });
    servers.push(server);
    return server;
  };
  const pid = async (): Promise<number> => {
    const record = JSON.parse(await readFile(join(stateDir, 'server.json'), 'utf8')) as {
      pid: number;
    };
    return record.pid;
  };
  const databases = async (): Promise<readonly string[]> =>
    (await readdir(stateDir)).filter((name) => name.startsWith('database-'));
  const makeProgram = async (script: string): Promise<string> => {
    const file = join(stateDir, '..', 'cli');
    await writeFile(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return file;
  };
  const asVersion = (version: string): Promise<string> =>
    makeProgram(
      `if [ "$1" = --version ]; then echo "temporal version 9 (Server ${version}, UI 9)"; exit; fi\n` +
        `exec '${temporalCli()}' "$@"`,
    );
  const said = (message: RegExp): boolean => count(message) > 0;
  const count = (message: RegExp): number =>
    recording.said.filter((event) => message.test(event.message)).length;
  /** A program whose server does not serve while the file `slow` exists at its start. */
  const makeSlowProgram = (): Promise<string> =>
    makeProgram(
      `if [ "$1" != --version ]; then\n` +
        `  echo $$ >>'${stateDir}/../pids'\n` +
        `  if [ -e '${stateDir}/../slow' ]; then rm '${stateDir}/../slow'; exec sleep 300; fi\n` +
        `fi\nexec '${temporalCli()}' "$@"`,
    );
  const makeSlow = (): Promise<void> => writeFile(join(stateDir, '..', 'slow'), '');
  /** The pids of all servers so far. */
  const pids = async (): Promise<readonly number[]> =>
    (await readFile(join(stateDir, '..', 'pids'), 'utf8')).trim().split('\n').map(Number);
  const livingPids = async (): Promise<readonly number[]> => {
    const started = await pids();
    const described = await Promise.all(started.map(describeProcess));
    return started.filter((_, index) => described[index] !== 'ended');
  };

  it('serves its namespace and its UI to this machine only', async () => {
    const server = await start();
    await startWorkflow(server);
    assert.match(await (await fetch(server.uiAddress)).text(), /<html/);
    for (const address of [server.address, server.uiAddress.replace('http://', '')]) {
      assert.match(address, /^127\.0\.0\.1:\d+$/);
    }
    assert.equal((await stat(stateDir)).mode & 0o777, 0o700);
  });

  it('is reached without the proxy of the environment', async (t) => {
    process.env['http_proxy'] = 'http://127.0.0.1:9';
    t.after(() => delete process.env['http_proxy']);
    await start();
  });

  it('has the same addresses and the same workflows after a stop and a start', async () => {
    const first = await start();
    await startWorkflow(first);
    await first.stop();
    await assert.rejects(reach(first.address), { code: 'ECONNREFUSED' });

    const second = await start();
    assert.deepEqual(
      [second.address, second.uiAddress],
      [first.address, first.uiAddress],
      'bookmarks stay good',
    );
    assert.equal(await statusOfWorkflow(second), 'RUNNING');
  });

  it('is found running by the process after one that was killed', async () => {
    const killed = await start();
    const before = await pid();
    const next = await start();
    assert.equal(await pid(), before);
    assert.equal(next.address, killed.address);
    assert.ok(said(/found the embedded Temporal running/));
  });

  it('counts as dead when its pid now belongs to another program', async () => {
    const first = await start();
    const file = join(stateDir, 'server.json');
    const record = await readFile(file, 'utf8');
    await first.stop();
    await writeFile(file, JSON.stringify({ ...JSON.parse(record), pid: process.pid }));
    await start();
    assert.notEqual(await pid(), process.pid);
  });

  it('is awaited when it is found running and does not serve yet', async () => {
    await start();
    const before = await pid();
    process.kill(before, 'SIGSTOP');
    const next = start();
    await until(() => Promise.resolve(said(/found the embedded Temporal running/)));
    process.kill(before, 'SIGCONT');
    await startWorkflow(await next);
    assert.equal(await pid(), before);
  });

  it('is ended and started anew when it is found running and never serves', async () => {
    await mkdir(stateDir, { recursive: true });
    const deaf = spawn('sleep', ['300']);
    try {
      await once(deaf, 'spawn');
      const ended = once(deaf, 'exit');
      const identity = await describeProcess(deaf.pid ?? 0);
      const record = { pid: deaf.pid, identity, port: 20_000, uiPort: 20_001 };
      await writeFile(join(stateDir, 'server.json'), JSON.stringify(record));
      await startWorkflow(await start(temporalCli(), 5_000));
      await ended;
      assert.notEqual(await pid(), deaf.pid);
      assert.ok(said(/did not serve, starting it again/));
    } finally {
      deaf.kill('SIGKILL');
    }
  });

  it('is restarted with its addresses and data when it dies', async () => {
    const server = await start();
    await startWorkflow(server);
    const before = await pid();
    process.kill(before, 'SIGKILL');
    await until(async () => (await pid()) !== before);
    await until(() => reach(server.address).then(Boolean, () => false));
    assert.equal(await statusOfWorkflow(server), 'RUNNING');
    assert.ok(said(/has died/));
  });

  it('is ended and started again when it does not serve in time', async () => {
    await mkdir(stateDir, { recursive: true });
    await makeSlow();
    const server = await start(await makeSlowProgram(), 15_000);
    await startWorkflow(server);
    assert.deepEqual(await livingPids(), [await pid()]);

    await makeSlow();
    process.kill(await pid(), 'SIGKILL');
    await until(async () => (await pids()).length >= 4);
    await until(() => reach(server.address).then(Boolean, () => false));
    assert.equal(await statusOfWorkflow(server), 'RUNNING');
    assert.deepEqual(await livingPids(), [await pid()]);
    const deaths = count(/has died/);
    await delay(2_500);
    assert.equal(count(/has died/), deaths);
  });

  it('is ended when it does not serve yet after its death and has to stop', async () => {
    await mkdir(stateDir, { recursive: true });
    const server = await start(await makeSlowProgram());
    await makeSlow();
    process.kill(await pid(), 'SIGKILL');
    await until(async () => (await pids()).length === 2);
    await server.stop();
    assert.deepEqual(await livingPids(), []);
  });

  it('is started when the recorded one ended before it was described', async () => {
    await mkdir(stateDir, { recursive: true });
    const record = { pid: 2 ** 22 + 1, identity: 'ended', port: 20_000, uiPort: 20_001 };
    await writeFile(join(stateDir, 'server.json'), JSON.stringify(record));
    await startWorkflow(await start());
    assert.notEqual(await pid(), record.pid);
  });

  it('is started on other ports when its own are taken', async () => {
    const first = await start();
    await first.stop();
    const { createServer } = await import('node:net');
    const squatter = createServer().listen(Number(first.address.split(':')[1]), '127.0.0.1');
    await once(squatter, 'listening');
    try {
      const second = await start();
      assert.notEqual(second.address, first.address);
      await startWorkflow(second);
    } finally {
      squatter.close();
    }
  });

  it('fails with the path of its log when the program does not serve', async () => {
    const binary = await makeProgram(
      'if [ "$1" = --version ]; then echo "Server 1"; else exit 1; fi',
    );
    await assert.rejects(
      startDevServer({ binary, stateDir, log: recording.log }),
      /does not answer on 127\.0\.0\.1:\d+: see .*server\.log/,
    );
  });

  it('fails with the reason when the program is not a Temporal server', async () => {
    await assert.rejects(
      startDevServer({ binary: '/bin/false', stateDir, log: recording.log }),
      /\/bin\/false is not a Temporal server/,
    );
  });

  it('begins with a new database for another version, and keeps the old one', async () => {
    const first = await start();
    await startWorkflow(first);
    await first.stop();
    const [before = ''] = await databases();

    // The same server, which only reports another version.
    const second = await start(await asVersion('99.0.0'));
    await assert.rejects(statusOfWorkflow(second), /not found/);
    assert.deepEqual(await databases(), ['database-99.0.0']);
    const told = recording.said.find(({ message }) => /begins with a new database/.test(message));
    const earlier = String(told?.fields?.['earlier']);
    assert.match(earlier, new RegExp(`/earlier/${before}-[^/]+/temporal\\.db$`));
    assert.ok((await stat(earlier)).size > 0);
    await second.stop();

    // All builds of the old database have ended meanwhile.
    const third = await start();
    await assert.rejects(statusOfWorkflow(third), /not found/);
    assert.equal((await readdir(join(stateDir, 'earlier'))).length, 2);
  });

  it('moves a database aside that does not tell its version, with its write-ahead log', async () => {
    await mkdir(stateDir, { recursive: true });
    const names = ['temporal.db', 'temporal.db-shm', 'temporal.db-wal'];
    for (const name of names) await writeFile(join(stateDir, name), name);
    await startWorkflow(await start());
    const [earlier = ''] = await readdir(join(stateDir, 'earlier'));
    assert.deepEqual((await readdir(join(stateDir, 'earlier', earlier))).toSorted(), names);
    assert.ok(said(/begins with a new database/));
  });

  it('changes to another version when it is started again after its death', async () => {
    const program = await asVersion('98.0.0');
    const server = await start(program);
    await startWorkflow(server);
    await writeFile(program, (await readFile(program, 'utf8')).replace('98.0.0', '99.0.0'));
    const before = await pid();
    process.kill(before, 'SIGKILL');
    await until(async () => (await pid()) !== before);
    await until(() => reach(server.address).then(Boolean, () => false));
    assert.deepEqual(await databases(), ['database-99.0.0']);
  });
});

async function withClient<T>(server: DevServer, use: (client: Client) => Promise<T>): Promise<T> {
  const connection = await Connection.connect({ address: server.address });
  try {
    return await use(new Client({ connection, namespace: server.namespace }));
  } finally {
    await connection.close();
  }
}

async function startWorkflow(server: DevServer): Promise<void> {
  await withClient(server, (client) =>
    client.workflow.start('none', { workflowId: WORKFLOW, taskQueue: 'nobody' }),
  );
}

function statusOfWorkflow(server: DevServer): Promise<string> {
  return withClient(server, async (client) => {
    const { status } = await client.workflow.getHandle(WORKFLOW).describe();
    return status.name;
  });
}

async function reach(address: string): Promise<true> {
  const [host = '', port] = address.split(':');
  const socket = connect(Number(port), host);
  try {
    await once(socket, 'connect');
    return true;
  } finally {
    socket.destroy();
  }
}

/** Another process does this, so there is no event to wait for. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 60_000;
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error('waited a minute in vain');
    await delay(50);
  }
}
