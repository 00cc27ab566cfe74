import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { whenAborted } from '../../../src/activities/build/when-aborted.ts';
import { together } from '../../../src/activities/build/together.ts';

const NEVER_ABORTED = new AbortController().signal;

describe('concurrent work', () => {
  it('is all done when it returns', async () => {
    const done: number[] = [];
    const task = (one: number) => async () => {
      await Promise.resolve();
      done.push(one);
    };
    await together(NEVER_ABORTED, [task(1), task(2)]);
    assert.deepEqual(done, [1, 2]);
  });

  it('ends when one part fails: the others are cancelled and awaited', async () => {
    let hasEnded = false;
    const work = together(NEVER_ABORTED, [
      async (signal) => {
        await whenAborted(signal);
        await Promise.resolve();
        hasEnded = true;
        throw new Error('second');
      },
      () => Promise.reject(new Error('first')),
    ]);
    await assert.rejects(work, /first/);
    assert.equal(hasEnded, true);
  });

  it('is cancelled when the caller is', async () => {
    const outer = new AbortController();
    const work = together(outer.signal, [whenAborted]);
    outer.abort();
    await work;
  });
});
