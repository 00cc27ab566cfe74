import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { withHeartbeat } from '../../../src/activities/build/heartbeat.ts';
import { tick } from '../support/world.ts';

describe('a call of an activity', () => {
  it('sends a heartbeat at once, and returns the result of its work', async () => {
    const environment = new MockActivityEnvironment();
    let beats = 0;
    environment.on('heartbeat', () => (beats += 1));
    assert.equal(await environment.run(() => withHeartbeat(() => Promise.resolve(7))), 7);
    assert.equal(beats, 1);
  });

  it('that the workflow cancels ends when its work does', async () => {
    const environment = new MockActivityEnvironment();
    let finish: (value: string) => void = () => undefined;
    const work = new Promise<string>((resolve) => (finish = resolve));
    const call = environment.run(() => withHeartbeat(() => work));
    environment.cancel('CANCELLED');
    await tick();
    finish('ended');
    assert.equal(await call, 'ended');
  });

  for (const reason of ['WORKER_SHUTDOWN', 'TIMED_OUT', 'NOT_FOUND'] as const) {
    it(`ends at once for ${reason}, because another call continues the work`, async () => {
      const environment = new MockActivityEnvironment();
      const call = environment.run(() => withHeartbeat(() => new Promise(() => undefined)));
      environment.cancel(reason);
      await assert.rejects(call, CancelledFailure);
    });
  }
});
