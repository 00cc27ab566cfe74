import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startDevServer, type DevServer } from '../../src/adapters/temporal/dev-server.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type Fault, type FaultLab, type Moment } from '../support/faults/faults.ts';
import { bridgeGateway } from '../support/installation.ts';
import { recordingLog } from '../support/recording-log.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import { temporalCli } from '../support/temporal/temporal-cli.ts';

const MOMENTS: readonly Moment[] = ['prepare', 'script', 'artifact upload', 'final update'];
/** A minute is longer than a heartbeat time-out, so Temporal gives the calls out again. */
const LASTING_MS = [20_000, 60_000];

/**
 * Neither side is notified that the other is away. Messages are delayed, and earlier ones may still
 * arrive.
 */
function partition(proxy: () => TcpProxy, peer: string, durationMs: number): Fault {
  return {
    name: `no way to ${peer} for ${durationMs / 1000} s`,
    strike: () => proxy().blackHole(),
    mend: async () => {
      await delay(durationMs); // The outage lasts this long.
      proxy().heal();
    },
  };
}

function cutConnections(proxy: () => TcpProxy, peer: string): Fault {
  return { name: `connections to ${peer} are reset`, strike: () => proxy().cut() };
}

function slowDown(proxy: () => TcpProxy, peer: string): Fault {
  return {
    name: `${peer} is 300 ms away`,
    strike: () => proxy().delay(300),
    mend: async () => {
      await delay(10_000); // The connection is slow for this long.
      proxy().heal();
    },
  };
}

function describePartitions(peer: string, proxy: () => TcpProxy, lab: () => FaultLab): void {
  for (const durationMs of LASTING_MS) {
    for (const moment of MOMENTS) {
      it(`is interrupted for ${durationMs / 1000} s from the moment "${moment}" on`, () => {
        const fault = partition(proxy, peer, durationMs);
        return lab().run({ moment, fault, goesOn: true, resends: 3, limitMs: 180_000 });
      });
    }
  }
  it('is cut during the script', () =>
    lab().run({ moment: 'script', fault: cutConnections(proxy, peer), resends: 3 }));
  it('is slow from the beginning of the script on', () =>
    lab().run({ moment: 'script', fault: slowDown(proxy, peer), goesOn: true, resends: 3 }));
}

describe('the connection to Temporal alone', () => {
  let lab: FaultLab;
  let proxy: TcpProxy;
  let server: DevServer;
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-temporal-'));
    const { log } = recordingLog();
    server = await startDevServer({ binary: temporalCli(), stateDir: directory, log });
    proxy = await startTcpProxy({ targetPort: Number(new URL(`http://${server.address}`).port) });
    lab = await openFaultLab({ env: { TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}` } });
  });
  after(async () => {
    await lab.close();
    await proxy.close();
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  });
  describePartitions(
    'Temporal',
    () => proxy,
    () => lab,
  );
});

describe('the connection to GitLab alone', () => {
  let lab: FaultLab;
  let proxy: TcpProxy;
  before(async () => {
    lab = await openFaultLab({
      gitlabUrl: async ({ url }) => {
        proxy = await startTcpProxy({ targetPort: Number(new URL(url).port), host: '0.0.0.0' });
        return `http://${await bridgeGateway()}:${proxy.port}`;
      },
    });
  });
  after(async () => {
    await lab.close();
    await proxy.close();
  });
  describePartitions(
    'GitLab',
    () => proxy,
    () => lab,
  );
});
