import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CancelledFailure } from '@temporalio/common';
import { withHeartbeat } from '../../../src/activities/build/heartbeat.ts';
import { tick } from '../support/world.ts';
import { openActivityCall } from '../../support/temporal/activity-call.ts';

describe('a call of an activity', () => {
  it('returns the result of its work', async () => {
    const activity = openActivityCall();
    assert.equal(await activity.run(() => withHeartbeat(() => Promise.resolve(7))), 7);
  });

  it('sends a heartbeat after one second, then every five, and none after its work', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    const activity = openActivityCall();
    let finish: () => void = () => undefined;
    const work = new Promise<void>((resolve) => (finish = resolve));
    const call = activity.run(() => withHeartbeat(() => work));
    const counted: number[] = [];
    for (const passedMs of [999, 1, 3_999, 1, 5_000]) {
      t.mock.timers.tick(passedMs);
      counted.push(activity.heartbeats());
    }
    finish();
    await call;
    t.mock.timers.tick(20_000);
    assert.deepEqual([...counted, activity.heartbeats()], [0, 1, 1, 2, 3, 3]);
  });

  it('that the workflow cancels ends when its work does', async () => {
    const activity = openActivityCall();
    let finish: (value: string) => void = () => undefined;
    const work = new Promise<string>((resolve) => (finish = resolve));
    const call = activity.run(() => withHeartbeat(() => work));
    activity.cancel('CANCELLED');
    await tick();
    finish('ended');
    assert.equal(await call, 'ended');
  });

  for (const reason of ['WORKER_SHUTDOWN', 'TIMED_OUT', 'NOT_FOUND'] as const) {
    it(`ends at once for ${reason}, because another call continues the work`, async () => {
      const activity = openActivityCall();
      const call = activity.run(() => withHeartbeat(() => new Promise(() => undefined)));
      activity.cancel(reason);
      await assert.rejects(call, CancelledFailure);
    });
  }
});
