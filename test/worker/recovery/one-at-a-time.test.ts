import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { oneAtATime } from '../../../src/worker/recovery/one-at-a-time.ts';

describe('work that is due now and then', () => {
  it('is not begun again while it is under way, but afterwards', async () => {
    const endings: (() => void)[] = [];
    const work = oneAtATime(() => new Promise((resolve) => endings.push(resolve)));
    const first = work();
    await work();
    assert.equal(endings.length, 1);
    endings[0]?.();
    await first;
    void work();
    assert.equal(endings.length, 2);
  });

  it('is begun again after it has failed, and its failure is told', async () => {
    let calls = 0;
    const work = oneAtATime(() => {
      calls += 1;
      return Promise.reject(new Error('no luck'));
    });
    await assert.rejects(work(), /no luck/);
    await assert.rejects(work(), /no luck/);
    assert.equal(calls, 2);
  });
});
