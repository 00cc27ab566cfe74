import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { openConnections } from '../../../src/adapters/temporal/connections.ts';
import { startDevServer } from '../../../src/adapters/temporal/dev-server.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { temporalCli } from '../../support/temporal/temporal-cli.ts';

it('connections are closed together with those of a renewal that is under way', async (t) => {
  const stateDir = await mkdtemp(join(tmpdir(), 'connections-'));
  const { log } = recordingLog();
  const server = await startDevServer({ binary: temporalCli(), stateDir, log });
  const targetPort = Number(new URL(`http://${server.address}`).port);
  const proxy = await startTcpProxy({ targetPort });
  t.after(async () => {
    await proxy.close();
    await server.stop();
    await rm(stateDir, { recursive: true });
  });
  const connections = await openConnections({ address: `127.0.0.1:${proxy.port}` });
  proxy.delay(50);
  let isOver = false;
  const renewal = connections.renew().then(() => (isOver = true));
  await connections.close();
  assert.equal(isOver, true);
  await renewal;
});
