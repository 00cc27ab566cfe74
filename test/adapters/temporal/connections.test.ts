import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { openConnections } from '../../../src/adapters/temporal/connections.ts';
import { startDevServer } from '../../../src/adapters/temporal/dev-server.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { startTcpProxy } from '../../support/tcp-proxy.ts';
import { temporalCli } from '../../support/temporal/temporal-cli.ts';

/** Starts an embedded Temporal for the test. Returns its address. */
async function startServer(t: TestContext): Promise<string> {
  const stateDir = await mkdtemp(join(tmpdir(), 'connections-'));
  const { log } = recordingLog();
  const server = await startDevServer({ binary: temporalCli(), stateDir, log });
  t.after(async () => {
    await server.stop();
    await rm(stateDir, { recursive: true });
  });
  return server.address;
}

it('connections are closed together with those of a renewal that is under way', async (t) => {
  const address = await startServer(t);
  const proxy = await startTcpProxy({ targetPort: Number(new URL(`http://${address}`).port) });
  t.after(() => proxy.close());
  const connections = await openConnections({ address: `127.0.0.1:${proxy.port}` });
  proxy.delay(50);
  let isOver = false;
  const renewal = connections.renew().then(() => (isOver = true));
  await connections.close();
  assert.equal(isOver, true);
  await renewal;
});

for (const name of ['http_proxy', 'https_proxy', 'grpc_proxy']) {
  it(`connections do not use the ${name} of the environment`, async (t) => {
    const address = await startServer(t);
    process.env[name] = 'http://127.0.0.1:9';
    t.after(() => delete process.env[name]);
    const connections = await openConnections({ address });
    await connections.close();
  });
}
