import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addMark, findLastGood, type Mark } from '../../../src/adapters/trace-spool/marks.ts';

function marksOf(lengths: readonly number[]): readonly Mark[] {
  return lengths.reduce<readonly Mark[]>(
    (marks, lengthBytes) => addMark(marks, { lengthBytes, crc: lengthBytes }),
    [],
  );
}

describe('the marks of a trace', () => {
  it('are few, however long it grows, and end with the latest', () => {
    const lengths = Array.from({ length: 10_000 }, (_, index) => (index + 1) * 100);
    const marks = marksOf(lengths);
    assert.ok(marks.length <= 32);
    assert.deepEqual(marks.slice(-3), marksOf([999_800, 999_900, 1_000_000]));
  });

  it('above a trace that was cut are forgotten', () => {
    const lengths = marksOf([10, 20, 30, 15]).map((mark) => mark.lengthBytes);
    assert.deepEqual(lengths, [10, 15]);
  });

  it('tell up to where it is correct, wherever it was damaged', () =>
    fc.assert(
      fc.asyncProperty(fc.uniqueArray(fc.nat()), fc.nat(), async (lengths, damagedAt) => {
        const sorted = lengths.sort((a, b) => a - b).slice(0, 32);
        const isGood = (mark: Mark) => Promise.resolve(mark.lengthBytes <= damagedAt);
        const found = await findLastGood(marksOf(sorted), isGood);
        assert.equal(found?.lengthBytes, sorted.filter((each) => each <= damagedAt).at(-1));
      }),
    ));
});
