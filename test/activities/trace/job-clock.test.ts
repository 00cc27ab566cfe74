import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StageName } from '../../../src/domain/context/stage.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const START = { nonce: 'n', containerId: 'c', previousStartedAt: '', sinceMs: 41_000 };

describe('the time that a job has left', () => {
  const TABLE: readonly [
    receivedMs: number | undefined,
    nowMs: number,
    left: number,
    why: string,
  ][] = [
    [1_000, 1_000, 60_000, 'it was received just now'],
    [1_000, 21_000, 40_000, 'some has passed, whatever the calendar says'],
    [1_000, 61_000, 0, 'all has passed'],
    [1_000, 99_000, 0, 'more than all has passed'],
    [5_000, 1_000, 0, 'the machine was started anew, and nobody can tell'],
    [undefined, 1_000, 0, '0.1.0 has received it, and noted nothing'],
  ];
  for (const [receivedMs, nowMs, left, why] of TABLE) {
    it(`is ${left} ms: ${why}`, async () => {
      const received = receivedMs === undefined ? {} : { receivedMonotonicMs: receivedMs };
      const context = contextOf({ context: received });
      const world = createWorld(context, { keeps: 'everything' });
      const clock = { nowMs: () => 9e12, monotonicMs: () => nowMs, sleep: () => Promise.resolve() };
      const { node } = openProcess(world, { ports: { clock } }).activities;
      const { buildId } = context;
      assert.equal(await runActivity(() => node.timeLeft({ buildId }, 60_000)), left);
    });
  }

  it('counts from the start of a named stage, and is 0 for one that has not begun', async () => {
    const context = contextOf({ context: { receivedMonotonicMs: 1_000 } });
    const world = createWorld(context, { keeps: 'everything' });
    const clock = { nowMs: () => 9e12, monotonicMs: () => 51_000, sleep: () => Promise.resolve() };
    const { activities, ports } = openProcess(world, { ports: { clock } });
    const { buildId } = context;
    await ports.builds.writeNote(buildId, 'start step_script#1', START);
    const ask = (name: StageName): Promise<number> =>
      runActivity(() => activities.node.timeLeft({ buildId }, 60_000, { name, attempt: 1 }));
    assert.equal(await ask('step_script'), 50_000);
    assert.equal(await ask('after_script'), 0);
  });

  it('is undefined for a build that this node no longer has', async () => {
    const world = createWorld(contextOf(), { keeps: 'everything' });
    const { node } = openProcess(world).activities;
    assert.equal(await runActivity(() => node.timeLeft({ buildId: 'gone' }, 60_000)), 0);
  });
});
