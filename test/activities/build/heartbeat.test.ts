import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CancelledFailure } from '@temporalio/common';
import { withHeartbeat } from '../../../src/activities/build/heartbeat.ts';
import { tick } from '../support/world.ts';
import { openActivityCall } from '../../support/temporal/activity-call.ts';

describe('a call of an activity', () => {
  it('sends a heartbeat at once, and returns the result of its work', async () => {
    const activity = openActivityCall();
    assert.equal(await activity.run(() => withHeartbeat(() => Promise.resolve(7))), 7);
    assert.equal(activity.heartbeats(), 1);
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
