import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { oneAtATime } from '../../../src/worker/recovery/one-at-a-time.ts';

describe('periodic work', () => {
  it('begins again only after its end', async () => {
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

  it('begins again after it has failed, and its failure is logged', async () => {
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
