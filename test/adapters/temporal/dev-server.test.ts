import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Client, Connection } from '@temporalio/client';
import { startDevServer, type DevServer } from '../../../src/adapters/temporal/dev-server.ts';
import { temporalCli } from '../../support/temporal-cli.ts';
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
    await rm(stateDir, { recursive: true });
  });

  const start = async (): Promise<DevServer> => {
    const server = await startDevServer({ binary: temporalCli(), stateDir, log: recording.log });
    servers.push(server);
    return server;
  };
  const pid = async (): Promise<number> => {
    const record = JSON.parse(await readFile(join(stateDir, 'server.json'), 'utf8')) as {
      pid: number;
    };
    return record.pid;
  };
  const said = (message: RegExp): boolean =>
    recording.said.some((event) => message.test(event.message));

  it('serves its namespace and its UI to this machine only', async () => {
    const server = await start();
    await startWorkflow(server);
    assert.match(await (await fetch(server.uiAddress)).text(), /<html/);
    for (const address of [server.address, server.uiAddress.replace('http://', '')]) {
      assert.match(address, /^127\.0\.0\.1:\d+$/);
    }
    assert.equal((await stat(stateDir)).mode & 0o777, 0o700);
  });

  it('has after a stop and a start the same addresses and the same workflows', async () => {
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

  it('is found running by the process that comes after one that was killed', async () => {
    const killed = await start();
    const before = await pid();
    const next = await start();
    assert.equal(await pid(), before);
    assert.equal(next.address, killed.address);
    assert.ok(said(/found the embedded Temporal running/));
  });

  it('is taken for dead when its pid is another program now', async () => {
    const first = await start();
    const file = join(stateDir, 'server.json');
    const record = await readFile(file, 'utf8');
    await first.stop();
    await writeFile(file, JSON.stringify({ ...JSON.parse(record), pid: process.pid }));
    await start();
    assert.notEqual(await pid(), process.pid);
  });

  it('is started again, where it was and with all it had, when it dies', async () => {
    const server = await start();
    await startWorkflow(server);
    const before = await pid();
    process.kill(before, 'SIGKILL');
    await until(async () => (await pid()) !== before);
    await until(() => reach(server.address).then(Boolean, () => false));
    assert.equal(await statusOfWorkflow(server), 'RUNNING');
    assert.ok(said(/has died/));
  });

  it('is started on other ports when its own were taken meanwhile', async () => {
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

  it('fails with the place of its log when the program is no server', async () => {
    await assert.rejects(
      startDevServer({ binary: '/bin/false', stateDir, log: recording.log }),
      /does not answer on 127\.0\.0\.1:\d+: see .*server\.log/,
    );
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

/** Another process's doing: there is no event to wait for. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 60_000;
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error('waited a minute in vain');
    await delay(50);
  }
}
