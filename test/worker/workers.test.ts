import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { defaultDataConverter } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { NativeConnection, type Worker } from '@temporalio/worker';
import type { Activities } from '../../src/activities/index.ts';
import { createNodeCapacity } from '../../src/adapters/state/node-capacity.ts';
import { createListeners } from '../../src/domain/listeners.ts';
import { recordingLog } from '../support/recording-log.ts';
import { systemClock } from '../../src/worker/machine/program.ts';
import { createWorkers } from '../../src/worker/workers.ts';
import { startGrpcProxy } from '../support/temporal/grpc-proxy.ts';
import { temporalCli } from '../support/temporal/temporal-cli.ts';

/** The options of a worker as the SDK uses them. Its public types leave this one out. */
interface UsedOptions {
  readonly isolateExecutionTimeoutMs: number;
}

const DAY_MS = 24 * 60 * 60_000;
/** A worker needs at least one activity. */
const NONE = { none: () => Promise.resolve() };
/** After this time the next try of each poll is more than two seconds away. */
const AWAY_MS = 3_700;
/** Two of the workers have ten polls for activities each, and the first one has one. */
const POLLS = { PollActivityTaskQueue: 21, PollWorkflowTaskQueue: 10 };

describe('the workers of a node', () => {
  let temporal: TestWorkflowEnvironment;
  before(async () => {
    temporal = await TestWorkflowEnvironment.createLocal({
      server: { executable: { type: 'existing-path', path: temporalCli() } },
    });
  });
  after(() => temporal.teardown());

  const open = (connection: NativeConnection) => ({
    ...{ client: temporal.client, connection, namespace: 'default' },
    ...{ dataConverter: defaultDataConverter, address: '', uiAddress: undefined },
    ...{ renewals: createListeners(), renew: () => Promise.resolve() },
    another: () => Promise.reject(new Error('no refused worker is expected')),
    close: () => Promise.resolve(),
  });
  const create = (opened: ReturnType<typeof open>, returns = createListeners()) =>
    createWorkers({
      temporal: opened,
      activities: { fleet: NONE, slots: NONE, node: NONE } as unknown as Activities,
      ...{ capacity: createNodeCapacity(1), nodeQueue: 'node', identity: 'test', traced: [] },
      ...{ returns, clock: systemClock, log: recordingLog().log },
    });

  it('let a workflow task outlast a process that was frozen in the midst of it', async () => {
    const workers = await create(open(temporal.nativeConnection));
    await Promise.all(workers.map((worker) => worker.runUntil(Promise.resolve())));
    const [workflows] = workers as readonly [Worker, ...Worker[]];
    const { isolateExecutionTimeoutMs } = workflows.options as unknown as UsedOptions;
    assert.ok(isolateExecutionTimeoutMs > DAY_MS, `${isolateExecutionTimeoutMs} ms`);
  });

  it('change to a new connection when there is one, so that the old one can be closed', async () => {
    const { address } = temporal;
    const first = await NativeConnection.connect({ address });
    const opened = open(first);
    const workers = await create(opened);
    const second = await NativeConnection.connect({ address });
    const running = Promise.all(workers.map((worker) => worker.run()));
    opened.connection = second;
    opened.renewals.tell();
    await first.close();
    for (const worker of workers) worker.shutdown();
    await running;
    for (const { connection } of workers) assert.equal(connection, second);
    await second.close();
  });

  it('ask Temporal for tasks at once when it is back', async () => {
    let polls: string[] = [];
    let onPoll = (): void => undefined;
    const proxy = await startGrpcProxy(temporal.address, (name) => {
      if (name in POLLS) polls.push(name);
      onPoll();
    });
    const whenPolled = (expected: typeof POLLS): Promise<void> =>
      new Promise((resolve) => {
        onPoll = () => {
          const isEach = Object.entries(expected).every(
            ([name, count]) => polls.filter((poll) => poll === name).length >= count,
          );
          if (isEach) resolve();
        };
      });
    const connection = await NativeConnection.connect({ address: proxy.address });
    const returns = createListeners();
    const workers = await create(open(connection), returns);
    const begun = whenPolled(POLLS);
    const running = Promise.all(workers.map((worker) => worker.run()));
    try {
      await begun;
      proxy.fallSick({ status: 'UNAVAILABLE', oneOf: 1 });
      proxy.cut();
      await delay(AWAY_MS); // The fault lasts this long.
      proxy.heal();
      polls = [];
      const renewed = whenPolled(POLLS);
      const backMs = performance.now();
      returns.tell();
      await renewed;
      const waitedMs = performance.now() - backMs;
      assert.ok(waitedMs < 1_000, `${waitedMs} ms`);
    } finally {
      for (const worker of workers) worker.shutdown();
      await running;
      await connection.close();
      await proxy.close();
    }
  });
});
