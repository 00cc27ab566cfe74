import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SlotReserveContext } from '@temporalio/worker';
import { createNodeCapacity } from '../../../src/adapters/state/node-capacity.ts';
import { createSlotSupplier } from '../../../src/adapters/temporal/slot-supplier.ts';

const context = {
  slotType: 'activity',
  taskQueue: 'gitlab-runner-slots',
  workerIdentity: 'a test',
  isSticky: false,
} as SlotReserveContext;
const never = new AbortController().signal;

describe('slots of the queue that asks for jobs', () => {
  it('are given while the node has room', async () => {
    const supplier = createSlotSupplier(createNodeCapacity(1));
    assert.notEqual(supplier.tryReserveSlot(context), null);
    assert.notEqual(await supplier.reserveSlot(context, never), null);
  });

  it('are refused at once when the caller does not wait and the node is full', () => {
    const capacity = createNodeCapacity(1);
    capacity.hold('build/1');
    assert.equal(createSlotSupplier(capacity).tryReserveSlot(context), null);
  });

  it('are given when a build ends', async () => {
    const capacity = createNodeCapacity(1);
    capacity.hold('build/1');
    const events: string[] = [];
    const reserved = createSlotSupplier(capacity)
      .reserveSlot(context, never)
      .then(() => events.push('reserved'));
    await Promise.resolve();
    events.push('build ends');
    capacity.free('build/1');
    await reserved;
    assert.deepEqual(events, ['build ends', 'reserved']);
  });

  it('are given when `concurrent` is raised', async () => {
    const capacity = createNodeCapacity(0);
    const reserved = createSlotSupplier(capacity).reserveSlot(context, never);
    capacity.resize(1);
    assert.notEqual(await reserved, undefined);
  });

  it('fail with the SDK’s own reason when it cancels the wait, because it logs a fault otherwise', async () => {
    const supplier = createSlotSupplier(createNodeCapacity(0));
    const controller = new AbortController();
    const reserved = supplier.reserveSlot(context, controller.signal);
    const reason = new Error('Request Cancelled');
    controller.abort(reason);
    await assert.rejects(reserved, (error) => error === reason);
  });

  it('stay free when the wait for them was cancelled', async () => {
    const capacity = createNodeCapacity(0);
    const controller = new AbortController();
    const reserved = createSlotSupplier(capacity).reserveSlot(context, controller.signal);
    controller.abort();
    await assert.rejects(reserved);
    capacity.resize(1);
    assert.equal(capacity.hasFree(), true);
  });

  it('occupy no place themselves, so that a waiting request costs no capacity', async () => {
    const capacity = createNodeCapacity(1);
    const supplier = createSlotSupplier(capacity);
    await supplier.reserveSlot(context, never);
    assert.deepEqual([capacity.requestsInFlight, capacity.hasFree()], [0, true]);
  });
});
