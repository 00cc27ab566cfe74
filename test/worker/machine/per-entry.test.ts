import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { RunnerConfig } from '../../../src/domain/runner/config.ts';
import { createPerEntry } from '../../../src/worker/machine/per-entry.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';

const [ONE, TWO] = ['one', 'two'].map((name) => ({ ...contextOf().runner, name })) as [
  RunnerConfig,
  RunnerConfig,
];

function openEntries() {
  const closed: string[] = [];
  const entries = createPerEntry(({ name }) => ({
    name,
    close: () => Promise.resolve(void closed.push(name)),
  }));
  return { closed, entries };
}

describe('the adapters of the entries', () => {
  it('are made once for each version of an entry', () => {
    const { entries } = openEntries();
    assert.equal(entries.of(ONE), entries.of({ ...ONE }));
    assert.notEqual(entries.of(ONE), entries.of({ ...ONE, limit: 7 }));
  });

  it('are closed at a reload that removes or changes their entry', async () => {
    const { closed, entries } = openEntries();
    entries.of(ONE);
    entries.of(TWO);
    await entries.keepOnly([ONE, { ...TWO, limit: 7 }]);
    assert.deepEqual(closed, ['two']);
  });

  it('are all closed at the end', async () => {
    const { closed, entries } = openEntries();
    entries.of(ONE);
    entries.of(TWO);
    await entries.close();
    assert.deepEqual(closed, ['one', 'two']);
  });

  it('are left out when an entry needs none', async () => {
    let made = 0;
    const entries = createPerEntry(() => void (made += 1));
    assert.equal(entries.of(ONE), undefined);
    assert.equal(entries.of(ONE), undefined);
    await entries.close();
    assert.equal(made, 1);
  });
});
