import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { watchTemporal } from '../../../src/adapters/temporal/temporal-health.ts';
import { createManualClock } from '../../activities/support/manual-clock.ts';
import { recordingLog } from '../../support/recording-log.ts';

/** A Temporal that answers or not, watched with a clock that the test moves. */
function openWatch() {
  /** When it is silent, calls on a connection that is not the newest get no answer until they fail. */
  const temporal = { isThere: true, isSilent: false, asked: 0 };
  let fail = (): void => undefined;
  const clock = createManualClock();
  /** The number of the newest connection. Only that one works. */
  let newest = 0;
  const answer = (connection: number): Promise<unknown> => {
    if (temporal.isSilent && connection === 0) {
      return new Promise((_, reject) => (fail = () => reject(new Error('DEADLINE_EXCEEDED'))));
    }
    const isThere = temporal.isThere || temporal.isSilent;
    return isThere && connection === newest
      ? Promise.resolve({})
      : Promise.reject(new Error('UNAVAILABLE'));
  };
  const client = {
    options: { namespace: 'builds' },
    connection: { withDeadline: (_deadline: number, call: () => Promise<unknown>) => call() },
    get workflowService() {
      const own = newest;
      return {
        describeWorkflowExecution: () => {
          temporal.asked += 1;
          return answer(own);
        },
      };
    },
  } as unknown as Client;
  const { log } = recordingLog();
  let renewals = 0;
  const renew = async (): Promise<void> => {
    renewals += 1;
    if (!temporal.isThere && !temporal.isSilent) throw new Error('UNAVAILABLE');
    await turn();
    newest += 1;
  };
  const health = watchTemporal({ client, workflowId: 'feed', renew, log, clock });
  let returns = 0;
  health.returns.add(() => (returns += 1));
  return {
    health,
    temporal,
    pass: clock.pass,
    returns: () => returns,
    renewals: () => renewals,
    fail: () => fail(),
  };
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

  it('tries new connections when the absence lasts, until Temporal is back', async () => {
    const { temporal, pass, renewals, returns, health } = openWatch();
    temporal.isThere = false;
    await health.isThere();
    for (let second = 0; second < 9; second += 1) await pass(1_000);
    assert.equal(renewals(), 0);
    for (let second = 0; second < 5; second += 1) await pass(1_000);
    assert.equal(renewals(), 5);
    temporal.isThere = true;
    for (let second = 0; second < 30; second += 1) await pass(1_000);
    assert.deepEqual([renewals(), returns()], [6, 1]);
    assert.equal(await health.isThere(), true);
  });

  it('asks on a new connection at once, and no late failure of the old one changes the answer', async () => {
    const { temporal, pass, returns, health, fail } = openWatch();
    temporal.isThere = false;
    await health.isThere();
    for (let second = 0; second < 10; second += 1) await pass(1_000);
    temporal.isSilent = true;
    await pass(500);
    assert.equal(returns(), 1);
    fail();
    await pass(0);
    assert.equal(await health.isThere(), true);
    assert.equal(returns(), 1);
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
