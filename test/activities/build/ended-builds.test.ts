import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEndedBuilds } from '../../../src/activities/build/ended-builds.ts';

/** Whether a wait is over, after everything else has happened. */
async function isOver(wait: Promise<void>): Promise<boolean> {
  const pause = new Promise<'waits'>((resolve) => setImmediate(() => resolve('waits')));
  return (await Promise.race([wait, pause])) !== 'waits';
}

describe('the ends of a runner’s builds', () => {
  it('are taken once, however many there were', () => {
    const ended = createEndedBuilds();
    ended.announce('one');
    ended.announce('one');
    assert.deepEqual([ended.take('one'), ended.take('one')], [true, false]);
  });

  it('are no matter of other runners', async () => {
    const ended = createEndedBuilds();
    const other = ended.next('other', new AbortController().signal);
    ended.announce('one');
    assert.equal(ended.take('other'), false);
    assert.equal(await isOver(other), false);
  });

  it('wake all that wait, also those that come late, until somebody takes them', async () => {
    const ended = createEndedBuilds();
    const { signal } = new AbortController();
    const waits = [ended.next('one', signal), ended.next('one', signal)];
    assert.equal(await isOver(Promise.race(waits)), false);
    ended.announce('one');
    assert.deepEqual(await Promise.all(waits.map(isOver)), [true, true]);
    assert.equal(await isOver(ended.next('one', signal)), true);
    ended.take('one');
    assert.equal(await isOver(ended.next('one', signal)), false);
  });

  it('are not waited for any more once the signal aborts, or when it has before', async () => {
    const ended = createEndedBuilds();
    const stop = new AbortController();
    const wait = ended.next('one', stop.signal);
    stop.abort();
    assert.equal(await isOver(wait), true);
    assert.equal(await isOver(ended.next('one', stop.signal)), true);
  });
});
