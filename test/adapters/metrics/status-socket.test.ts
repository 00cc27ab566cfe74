import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { askStatus, openStatusSocket } from '../../../src/adapters/metrics/status-socket.ts';
import type { NodeStatus } from '../../../src/domain/metrics/node-status.ts';
import { recordingLog } from '../../support/recording-log.ts';

const STATUS: NodeStatus = {
  ...{ version: '1.2.3', pid: 7, state: 'running', uptimeSeconds: 12, isReady: false },
  temporal: { address: '127.0.0.1:7233', namespace: 'default', ui: 'http://127.0.0.1:8233' },
  slots: { concurrent: 4, builds: 1, requests: 1, free: 2 },
  checks: [{ name: 'docker', isOk: false, reason: 'does not answer for one' }],
  runners: [
    {
      ...{ key: 'k', name: 'one', running: 1, waiting: 3, requests: 1 },
      queue: { count: 2, medianSeconds: 1, p95Seconds: 2 },
      pickup: { count: 0 },
      lastContact: { secondsAgo: 2, status: 204, isServed: true, words: '204, no job' },
    },
    { key: 'l', name: 'two', running: 0, requests: 0, queue: { count: 0 }, pickup: { count: 0 } },
  ],
};

describe('the socket that answers `status`', () => {
  let directory: string;
  let close: (() => Promise<void>) | undefined;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-status-'));
  });
  afterEach(async () => {
    await close?.();
    close = undefined;
  });
  after(() => rm(directory, { recursive: true }));

  const openAt = async (path: string, look = () => Promise.resolve(STATUS)) => {
    const { log, said } = recordingLog();
    close = await openStatusSocket({ path, log, look });
    return said;
  };

  it('answers the node’s status, and replaces a socket that a killed process has left', async () => {
    const path = join(directory, 'status.sock');
    await writeFile(path, 'left over');
    const said = await openAt(path);
    assert.deepEqual(await askStatus(path), STATUS);
    assert.deepEqual(said, []);
  });

  it('is found in a directory whose path is longer than a socket’s address may be', async () => {
    const deep = join(directory, 'x'.repeat(120));
    await mkdir(deep);
    const path = join(deep, 'status.sock');
    const said = await openAt(path);
    assert.deepEqual(said, []);
    assert.deepEqual(await askStatus(path), STATUS);
  });

  it('does not keep a node from running where there can be none', async () => {
    const said = await openAt(join(directory, 'nowhere', 'status.sock'));
    assert.match(said[0]?.message ?? '', /its socket cannot be opened/);
  });

  it('distinguishes a node that does not run from one that does not answer', async () => {
    const path = join(directory, 'silent.sock');
    assert.equal(await askStatus(path), 'not running');
    assert.equal(await askStatus(join(directory, 'nowhere', 'status.sock')), 'not running');
    const server = createServer((socket) => socket.destroy());
    server.listen(path);
    await once(server, 'listening');
    assert.equal(await askStatus(path), 'no answer');
    server.close();
    await once(server, 'close');
  });

  it('reports no answer when the node fails to make its status', async () => {
    const path = join(directory, 'broken.sock');
    await openAt(path, () => Promise.reject(new Error('broken')));
    assert.equal(await askStatus(path), 'no answer');
  });

  it('names a node of another version, whose answer has another form', async () => {
    const path = join(directory, 'other.sock');
    await openAt(path, () => Promise.resolve({ version: '9' } as NodeStatus));
    await assert.rejects(askStatus(path), /the node is of another version/);
  });
});
