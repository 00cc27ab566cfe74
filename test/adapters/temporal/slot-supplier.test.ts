import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { ActivitySlotInfo, SlotPermit, SlotReserveContext } from '@temporalio/worker';
import { createNodeCapacity } from '../../../src/adapters/state/node-capacity.ts';
import {
  createSlotSupplier,
  type FreeSlots,
  type SlotLimits,
} from '../../../src/adapters/temporal/slot-supplier.ts';
import { createListeners, type Listeners } from '../../../src/domain/listeners.ts';

const context = {
  slotType: 'activity',
  taskQueue: 'gitlab-runner-slots',
  workerIdentity: 'a test',
  isSticky: false,
} as SlotReserveContext;
const sticky: SlotReserveContext = { ...context, isSticky: true };
const never = new AbortController().signal;

function supplierFor(nodeSlots: FreeSlots) {
  return createSlotSupplier({ polls: 10, nodeSlots }, createListeners());
}

/** A queue on which two polls wait at the same time. */
function openPolls(limits: Partial<SlotLimits> = {}) {
  const returns: Listeners = createListeners();
  const supplier = createSlotSupplier<ActivitySlotInfo>({ polls: 2, ...limits }, returns);
  let begun = 0;
  const begin = async (kind = context): Promise<SlotPermit> => {
    const permit = await supplier.reserveSlot(kind, never);
    begun += 1;
    return permit;
  };
  return { supplier, returns, begin, begun: () => begun };
}

const slotInfo: ActivitySlotInfo = { type: 'activity', activityType: 'requestJob' };

describe('slots of the queue that asks for jobs', () => {
  it('are given while the node has room', async () => {
    const supplier = supplierFor(createNodeCapacity(1));
    assert.notEqual(supplier.tryReserveSlot(context), null);
    assert.notEqual(await supplier.reserveSlot(context, never), null);
  });

  it('are refused at once when the caller does not wait and the node is full', () => {
    const capacity = createNodeCapacity(1);
    capacity.hold('build/1', 'runner');
    assert.equal(supplierFor(capacity).tryReserveSlot(context), null);
  });

  it('are given when a build ends', async () => {
    const capacity = createNodeCapacity(1);
    capacity.hold('build/1', 'runner');
    const events: string[] = [];
    const reserved = supplierFor(capacity)
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
    const reserved = supplierFor(capacity).reserveSlot(context, never);
    capacity.resize(1);
    assert.notEqual(await reserved, undefined);
  });

  it('fail with the SDK’s own reason when it cancels the wait, because it logs a fault otherwise', async () => {
    const supplier = supplierFor(createNodeCapacity(0));
    const controller = new AbortController();
    const reserved = supplier.reserveSlot(context, controller.signal);
    const reason = new Error('Request Cancelled');
    controller.abort(reason);
    await assert.rejects(reserved, (error) => error === reason);
  });

  it('stay free when the wait for them was cancelled', async () => {
    const capacity = createNodeCapacity(0);
    const controller = new AbortController();
    const reserved = supplierFor(capacity).reserveSlot(context, controller.signal);
    controller.abort();
    await assert.rejects(reserved);
    capacity.resize(1);
    assert.equal(capacity.hasFree(), true);
  });

  it('occupy no slot of the node themselves, so that a waiting request costs no capacity', async () => {
    const capacity = createNodeCapacity(1);
    const supplier = supplierFor(capacity);
    await supplier.reserveSlot(context, never);
    assert.deepEqual([capacity.requestsInFlight, capacity.hasFree()], [0, true]);
  });
});

describe('polls of a queue', () => {
  it('wait for tasks in a limited number, and one begins when another has brought a task', async () => {
    const { supplier, begin, begun } = openPolls();
    const [first] = await Promise.all([begin(), begin()]);
    const third = begin();
    await turn();
    assert.equal(begun(), 2);
    supplier.markSlotUsed({ slotInfo, permit: first });
    await third;
  });

  it('begin again when one has ended without a task', async () => {
    const { supplier, begin, begun } = openPolls();
    const [first] = await Promise.all([begin(), begin()]);
    const third = begin();
    await turn();
    assert.equal(begun(), 2);
    supplier.releaseSlot({ permit: first });
    await third;
  });

  it('begin anew when Temporal is back, because the others pause after their failures', async () => {
    const { returns, begin, begun } = openPolls();
    await Promise.all([begin(), begin()]);
    const renewed = Promise.all([begin(), begin()]);
    await turn();
    assert.equal(begun(), 2);
    returns.tell();
    await renewed;
  });

  it('are as many as before when those of the time before the return have ended', async () => {
    const { supplier, returns, begin, begun } = openPolls();
    const old = await Promise.all([begin(), begin()]);
    returns.tell();
    await Promise.all([begin(), begin()]);
    for (const permit of old) supplier.releaseSlot({ permit });
    const fifth = begin();
    await turn();
    assert.equal(begun(), 4);
    returns.tell();
    await fifth;
  });

  it('have a number of their own for the sticky queue', async () => {
    const { returns, begin, begun } = openPolls({ stickyPolls: 1 });
    await Promise.all([begin(sticky), begin(), begin()]);
    const second = begin(sticky);
    await turn();
    assert.equal(begun(), 3);
    returns.tell();
    await second;
  });

  it('do not begin while as many tasks run as may', async () => {
    const { supplier, begin, begun } = openPolls({ tasks: 1 });
    const permit = await begin();
    supplier.markSlotUsed({ slotInfo, permit });
    const second = begin();
    await turn();
    assert.deepEqual([begun(), supplier.tryReserveSlot(context)], [1, null]);
    supplier.releaseSlot({ slotInfo, permit });
    await second;
  });

  it('fail with the SDK’s own reason when it cancels the wait for a poll', async () => {
    const { supplier, begin } = openPolls();
    await Promise.all([begin(), begin()]);
    const controller = new AbortController();
    const reserved = supplier.reserveSlot(context, controller.signal);
    await turn();
    const reason = new Error('Request Cancelled');
    controller.abort(reason);
    await assert.rejects(reserved, (error) => error === reason);
  });
});
