import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type Fault, type FaultLab, type Moment } from '../support/faults/faults.ts';
import {
  startGrpcProxy,
  type GrpcProxy,
  type GrpcSickness,
} from '../support/temporal/grpc-proxy.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import {
  assertNextTaken,
  startOuterTemporal,
  type OuterTemporal,
} from '../support/faults/temporal-faults.ts';

const MOMENTS: readonly Moment[] = ['prepare', 'script', 'final update'];
const SICK_MS = 20_000;
/** A call that was refused last is made again by the SDK after a pause that has grown to this. */
const PAUSE_MS = 10_000;
const FAR = { delayMs: 500, jitterMs: 300, cutEveryMs: 4_000, durationMs: 30_000 };
/**
 * When every other call is refused, the SDK's pauses before it asks again make a start last up to a
 * minute on a machine without other work.
 */
const SICK_START_MS = 120_000;
/** There is a slot for a second job, which must be taken when Temporal works again. */
const ROOM = { concurrent: 2, runnerToml: '  limit = 2' };

/** The proxy answers instead of Temporal, which never receives these calls. */
function answerSickly(proxy: () => GrpcProxy, sickness: GrpcSickness): Fault {
  let before = 0;
  const share = sickness.oneOf === 1 ? 'each call' : `one of ${sickness.oneOf} calls`;
  return {
    name: `Temporal answers ${sickness.status} to ${share}`,
    strike: () => {
      before = proxy().refused;
      proxy().fallSick(sickness);
    },
    mend: async () => {
      await delay(SICK_MS); // The fault lasts this long.
      proxy().heal();
    },
    afterwards: ({ installation }) => assertNextTaken(installation),
    confirm: () => assert.ok(proxy().refused > before, 'it was asked nothing'),
  };
}

/** The worker is killed and must start while Temporal has this fault. */
function startAgainst(proxy: () => GrpcProxy, sickness: GrpcSickness): Fault {
  return {
    name: `worker started while Temporal answers ${sickness.status}`,
    strike: ({ installation }) => installation.runner.signal('SIGKILL'),
    mend: async ({ installation }) => {
      await installation.runner.end('SIGKILL');
      proxy().fallSick(sickness);
      try {
        await installation.start();
      } finally {
        proxy().heal();
      }
    },
    afterwards: ({ installation }) => assertNextTaken(installation, { limitMs: PAUSE_MS }),
  };
}

/**
 * Simulates a distant Temporal: packets are sometimes lost, so data is late or the connection ends.
 */
function goFar(proxy: () => TcpProxy): Fault {
  let cutting: NodeJS.Timeout | undefined;
  return {
    name: 'Temporal is 500 ms ± 300 ms away, connections break',
    strike: () => {
      proxy().delay(FAR.delayMs, FAR.jitterMs);
      cutting = setInterval(() => proxy().cut(), FAR.cutEveryMs);
    },
    mend: async () => {
      await delay(FAR.durationMs); // The fault lasts this long.
      clearInterval(cutting);
      proxy().heal();
    },
    afterwards: ({ installation }) => assertNextTaken(installation),
  };
}

describe('a Temporal that answers with errors', () => {
  let lab: FaultLab;
  let temporal: OuterTemporal;
  let proxy: GrpcProxy;
  before(async () => {
    temporal = await startOuterTemporal();
    proxy = await startGrpcProxy(temporal.address);
    const env = { TEMPORAL_ADDRESS: proxy.address };
    lab = await openFaultLab({ ...ROOM, env, readyLimitMs: SICK_START_MS });
  });
  after(async () => {
    await lab.close();
    await proxy.close();
    await temporal.close();
  });

  const sicknesses: readonly [sickness: GrpcSickness, moments: readonly Moment[]][] = [
    [{ status: 'RESOURCE_EXHAUSTED', oneOf: 2 }, MOMENTS],
    [{ status: 'UNAVAILABLE', oneOf: 2 }, MOMENTS],
    [{ status: 'RESOURCE_EXHAUSTED', oneOf: 1 }, ['script']],
    [{ status: 'UNAVAILABLE', oneOf: 1 }, ['script']],
  ];
  for (const [sickness, moments] of sicknesses) {
    for (const moment of moments) {
      const { status, oneOf } = sickness;
      it(`answers ${status} to one of ${oneOf} from the moment "${moment}" on: the job only takes longer`, () =>
        lab.run({
          ...{ moment, goesOn: true, resends: 3, limitMs: 180_000 },
          fault: answerSickly(() => proxy, sickness),
        }));
    }
  }
  for (const status of ['RESOURCE_EXHAUSTED', 'UNAVAILABLE'] as const) {
    it(`answers ${status} to one of 2 while the worker starts during the script: the job continues`, () =>
      lab.run({
        ...{ moment: 'script', goesOn: true, resends: 3, limitMs: 180_000 },
        fault: startAgainst(() => proxy, { status, oneOf: 2 }),
      }));
  }
});

describe('a Temporal that is far away', () => {
  let lab: FaultLab;
  let temporal: OuterTemporal;
  let proxy: TcpProxy;
  before(async () => {
    temporal = await startOuterTemporal();
    const { port } = new URL(`http://${temporal.address}`);
    proxy = await startTcpProxy({ targetPort: Number(port) });
    lab = await openFaultLab({ ...ROOM, env: { TEMPORAL_ADDRESS: `127.0.0.1:${proxy.port}` } });
  });
  after(async () => {
    await lab.close();
    await proxy.close();
    await temporal.close();
  });

  for (const moment of MOMENTS) {
    it(`has long delays from the moment "${moment}" on: the job only takes longer`, () =>
      lab.run({
        ...{ moment, goesOn: true, resends: 3, limitMs: 180_000 },
        fault: goFar(() => proxy),
      }));
  }
});
