import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  addCheckedLength,
  findLastGood,
  type CheckedLength,
} from '../../../src/adapters/trace-spool/checked-lengths.ts';

function checkedOf(lengths: readonly number[]): readonly CheckedLength[] {
  return lengths.reduce<readonly CheckedLength[]>(
    (checked, lengthBytes) => addCheckedLength(checked, { lengthBytes, crc: lengthBytes }),
    [],
  );
}

describe('the checked lengths of a trace', () => {
  it('are few, however long it grows, and end with the latest', () => {
    const lengths = Array.from({ length: 10_000 }, (_, index) => (index + 1) * 100);
    const checked = checkedOf(lengths);
    assert.ok(checked.length <= 32);
    assert.deepEqual(checked.slice(-3), checkedOf([999_800, 999_900, 1_000_000]));
  });

  it('above a trace that was cut are forgotten', () => {
    const lengths = checkedOf([10, 20, 30, 15]).map((each) => each.lengthBytes);
    assert.deepEqual(lengths, [10, 15]);
  });

  it('tell up to where it is correct, wherever it was damaged', () =>
    fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat()), fc.nat(), async (lengths, damagedAt) => {
        const sorted = lengths.sort((a, b) => a - b).slice(0, 32);
        const isGood = (each: CheckedLength) => Promise.resolve(each.lengthBytes <= damagedAt);
        const found = await findLastGood(checkedOf(sorted), isGood);
        assert.equal(found?.lengthBytes, sorted.filter((each) => each <= damagedAt).at(-1));
      }),
    ));
});
