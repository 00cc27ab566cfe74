import assert from 'node:assert/strict';
import { it } from 'node:test';
import { defaultDataConverter } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import type { Worker } from '@temporalio/worker';
import type { Activities } from '../../src/activities/index.ts';
import { createNodeCapacity } from '../../src/adapters/state/node-capacity.ts';
import { createWorkers } from '../../src/worker/workers.ts';
import { temporalCli } from '../support/temporal/temporal-cli.ts';

/** The options of a worker as the SDK uses them. Its public types leave this one out. */
interface UsedOptions {
  readonly isolateExecutionTimeoutMs: number;
}

const DAY_MS = 24 * 60 * 60_000;
/** A worker needs at least one activity. */
const NONE = { none: () => Promise.resolve() };

it('lets a workflow task outlast a process that was frozen in the midst of it', async () => {
  const temporal = await TestWorkflowEnvironment.createLocal({
    server: { executable: { type: 'existing-path', path: temporalCli() } },
  });
  try {
    const workers = await createWorkers({
      temporal: {
        ...{ client: temporal.client, connection: temporal.nativeConnection, namespace: 'default' },
        ...{ dataConverter: defaultDataConverter, address: '', uiAddress: undefined },
        close: () => Promise.resolve(),
      },
      activities: { fleet: NONE, slots: NONE, node: NONE } as unknown as Activities,
      ...{ capacity: createNodeCapacity(1), nodeQueue: 'node', identity: 'test', traced: [] },
    });
    await Promise.all(workers.map((worker) => worker.runUntil(Promise.resolve())));
    const [workflows] = workers as readonly [Worker, ...Worker[]];
    const { isolateExecutionTimeoutMs } = workflows.options as unknown as UsedOptions;
    assert.ok(isolateExecutionTimeoutMs > DAY_MS, `${isolateExecutionTimeoutMs} ms`);
  } finally {
    await temporal.teardown();
  }
});
