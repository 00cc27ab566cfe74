import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client } from '@temporalio/client';
import { watchTemporal } from '../../../src/adapters/temporal/temporal-health.ts';
import { createManualClock } from '../../activities/support/manual-clock.ts';
import { recordingLog } from '../../support/recording-log.ts';

/** A Temporal that answers or not, watched with a clock that the test moves. */
function openWatch() {
  const temporal = { isThere: true, asked: 0 };
  const clock = createManualClock();
  const client = {
    options: { namespace: 'builds' },
    connection: { withDeadline: (_deadline: number, call: () => Promise<unknown>) => call() },
    workflowService: {
      describeWorkflowExecution: () => {
        temporal.asked += 1;
        return temporal.isThere ? Promise.resolve({}) : Promise.reject(new Error('UNAVAILABLE'));
      },
    },
  } as unknown as Client;
  const { log } = recordingLog();
  const health = watchTemporal({ client, workflowId: 'feed', log, clock });
  let returns = 0;
  health.returns.add(() => (returns += 1));
  return { health, temporal, pass: clock.pass, returns: () => returns };
}

describe('the watch of Temporal', () => {
  it('notices an absence and the return although nobody asks', async () => {
    const { temporal, pass, returns, health } = openWatch();
    temporal.isThere = false;
    await pass(5_000);
    assert.equal(await health.isThere(), false);
    temporal.isThere = true;
    await pass(500);
    assert.equal(returns(), 1);
    assert.equal(await health.isThere(), true);
  });

  it('notices the return within half a second when somebody has noticed the absence', async () => {
    const { temporal, pass, returns, health } = openWatch();
    temporal.isThere = false;
    assert.equal(await health.isThere(), false);
    temporal.isThere = true;
    await pass(500);
    assert.equal(returns(), 1);
  });

  it('tells of one return only, however often it is asked', async () => {
    const { temporal, pass, returns, health } = openWatch();
    await Promise.all([health.isThere(), health.isThere()]);
    temporal.isThere = false;
    await pass(2_000);
    assert.deepEqual(await Promise.all([health.isThere(), health.isThere()]), [false, false]);
    temporal.isThere = true;
    await pass(500);
    await pass(5_000);
    await pass(5_000);
    assert.equal(returns(), 1);
  });

  it('asks Temporal once in a second at most while it answers', async () => {
    const { temporal, pass, health } = openWatch();
    for (let count = 0; count < 5; count += 1) await health.isThere();
    assert.equal(temporal.asked, 1);
    await pass(1_000);
    await health.isThere();
    assert.equal(temporal.asked, 2);
    await pass(500);
    assert.equal(temporal.asked, 2);
  });

  it('ends when it is closed, and tells nothing any more', async () => {
    const { temporal, pass, returns, health } = openWatch();
    temporal.isThere = false;
    await health.isThere();
    health.close();
    temporal.isThere = true;
    await pass(60_000);
    assert.deepEqual([temporal.asked, returns()], [1, 0]);
  });
});
