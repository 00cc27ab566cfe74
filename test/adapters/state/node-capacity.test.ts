import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { CapacityPermit } from '../../../src/ports/index.ts';
import { createNodeCapacity } from '../../../src/adapters/state/node-capacity.ts';

const never = new AbortController().signal;

/** Whether a promise is resolved by now. Waits only for pending callbacks. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  void promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await new Promise(setImmediate);
  return settled;
}

describe('createNodeCapacity', () => {
  it('gives out as many permits as builds may run, and the next one when one comes back', async () => {
    const capacity = createNodeCapacity(2);
    const first = await capacity.acquire(never);
    await capacity.acquire(never);
    const third = capacity.acquire(never);
    assert.equal(await isSettled(third), false);
    first.release();
    await third;
    assert.equal(capacity.requestsInFlight, 2);
  });

  it('keeps the slot of a request for its build, until that has ended', async () => {
    const capacity = createNodeCapacity(1);
    (await capacity.acquire(never)).keepFor('build/1', 'runner');
    assert.deepEqual([capacity.requestsInFlight, capacity.buildsAlive], [0, 1]);
    const next = capacity.acquire(never);
    assert.equal(await isSettled(next), false);
    capacity.free('build/1');
    await next;
  });

  it('takes a permit back once, however often it is released', async () => {
    const capacity = createNodeCapacity(1);
    const permit = await capacity.acquire(never);
    permit.release();
    permit.release();
    assert.equal(capacity.requestsInFlight, 0);
    const kept = await capacity.acquire(never);
    kept.keepFor('build/1', 'runner');
    kept.release();
    kept.keepFor('build/1', 'runner');
    assert.deepEqual([capacity.requestsInFlight, capacity.buildsAlive], [0, 1]);
  });

  it('lets another request use a lent slot, and still counts it', async () => {
    const capacity = createNodeCapacity(1);
    const slow = await capacity.acquire(never);
    const waiting = capacity.acquire(never);
    assert.equal(await isSettled(waiting), false);
    slow.lend();
    slow.lend();
    const other = await waiting;
    assert.deepEqual([capacity.requestsInFlight, capacity.hasFree()], [2, false]);
    slow.release();
    slow.lend();
    assert.deepEqual([capacity.requestsInFlight, capacity.hasFree()], [1, false]);
    other.release();
    assert.equal(capacity.hasFree(), true);
  });

  it('runs one build more for a job that comes while its slot is lent, and then no new one', async () => {
    const capacity = createNodeCapacity(1);
    const slow = await capacity.acquire(never);
    slow.lend();
    const other = await capacity.acquire(never);
    other.keepFor('build/1', 'runner');
    slow.keepFor('build/2', 'runner');
    assert.deepEqual([capacity.requestsInFlight, capacity.buildsAlive], [0, 2]);
    capacity.free('build/1');
    assert.equal(capacity.hasFree(), false);
    capacity.free('build/2');
    assert.equal(capacity.hasFree(), true);
  });

  it('counts builds that were found after a crash', async () => {
    const capacity = createNodeCapacity(1);
    capacity.hold('build/1', 'runner');
    const waiting = capacity.acquire(never);
    assert.equal(await isSettled(waiting), false);
    capacity.free('build/1');
    capacity.free('build/1');
    await waiting;
  });

  it('counts a build once that is held and kept for, and gives out the next slot', async () => {
    const capacity = createNodeCapacity(2);
    const permit = await capacity.acquire(never);
    capacity.hold('build/1', 'runner');
    const waiting = capacity.acquire(never);
    assert.equal(await isSettled(waiting), false);
    permit.keepFor('build/1', 'runner');
    await waiting;
    assert.deepEqual([capacity.requestsInFlight, capacity.buildsAlive], [1, 1]);
  });

  it('ends a cancelled wait, and takes no slot for it', async () => {
    const capacity = createNodeCapacity(0);
    const controller = new AbortController();
    const waiting = capacity.acquire(controller.signal);
    controller.abort();
    await assert.rejects(waiting, { name: 'AbortError' });
    await assert.rejects(capacity.acquire(controller.signal), { name: 'AbortError' });
    capacity.resize(1);
    assert.equal(capacity.requestsInFlight, 0);
  });

  it('gives out more slots at once when it grows, and none when it shrinks', async () => {
    const capacity = createNodeCapacity(1);
    const first = await capacity.acquire(never);
    const second = capacity.acquire(never);
    capacity.resize(2);
    await second;
    capacity.resize(1);
    first.release();
    const third = capacity.acquire(never);
    assert.equal(await isSettled(third), false, 'the second still has the only slot');
    (await second).release();
    await third;
  });

  it('reports a free slot without taking it', async () => {
    const capacity = createNodeCapacity(0);
    const [one, two] = [capacity.whenFree(never), capacity.whenFree(never)];
    assert.equal(await isSettled(one), false);
    capacity.resize(1);
    await Promise.all([one, two]);
    assert.ok(capacity.hasFree());
  });

  it('is idle when no build runs and no request is open', async () => {
    const capacity = createNodeCapacity(2);
    await capacity.whenIdle();
    const permit = await capacity.acquire(never);
    capacity.hold('build/1', 'runner');
    const idle = capacity.whenIdle();
    permit.release();
    assert.equal(await isSettled(idle), false);
    capacity.free('build/1');
    await idle;
  });

  it('serves callers in the order of their arrival', async () => {
    const capacity = createNodeCapacity(0);
    const order: number[] = [];
    const waits = [1, 2, 3].map((place) => capacity.acquire(never).then(() => order.push(place)));
    capacity.resize(3);
    await Promise.all(waits);
    assert.deepEqual(order, [1, 2, 3]);
  });

  it('lets no request of a runner in above its limit, and others pass by', async () => {
    const capacity = createNodeCapacity(9);
    const limit = { runnerKey: 'runner', limit: 2 };
    capacity.hold('build/1', 'runner');
    const open = await capacity.acquire(never, limit);
    open.lend();
    const waiting = capacity.acquire(never, limit);
    assert.equal(await isSettled(waiting), false);
    await capacity.acquire(never, { ...limit, runnerKey: 'other' });
    await capacity.acquire(never, { ...limit, limit: 0 });
    await capacity.whenFree(never);
    open.release();
    assert.equal(await isSettled(waiting), false, 'the one without a limit counts too');
    capacity.free('build/1');
    (await waiting).keepFor('build/2', 'runner');
    const next = capacity.acquire(never, limit);
    assert.equal(await isSettled(next), false);
    capacity.free('build/2');
    await next;
  });

  it('lets no request of a paused runner in until it is resumed, and others pass by', async () => {
    const capacity = createNodeCapacity(2);
    capacity.pauseRunners(['slow']);
    const slow = capacity.acquire(never, { runnerKey: 'slow', limit: 0 });
    const other = await capacity.acquire(never, { runnerKey: 'other', limit: 0 });
    assert.equal(await isSettled(slow), false);
    assert.ok(capacity.isWithin({ runnerKey: 'slow', limit: 1 }), 'a pause is no limit');
    capacity.pauseRunners([]);
    (await slow).release();
    other.release();
  });

  it('never exceeds its limit, whatever happens in whatever order', async () => {
    const step = fc.oneof(
      fc.constant({ kind: 'acquire' } as const),
      fc.record({ kind: fc.constantFrom('release', 'keep', 'free'), at: fc.nat(5) } as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step), async (limit, steps) => {
        const capacity = createNodeCapacity(limit);
        const permits: CapacityPermit[] = [];
        for (const [index, taken] of steps.entries()) {
          if (taken.kind === 'acquire') {
            void capacity.acquire(never).then((permit) => permits.push(permit));
          } else if (taken.kind === 'free') capacity.free(`build/${taken.at}`);
          else {
            const [permit] = permits.splice(taken.at % Math.max(1, permits.length), 1);
            if (taken.kind === 'release') permit?.release();
            else permit?.keepFor(`build/${index % 6}`, 'runner');
          }
          await new Promise(setImmediate);
          assert.ok(capacity.buildsAlive + capacity.requestsInFlight <= limit);
        }
      }),
    );
  });
});
