import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NATIVE_BYTE_TOOLS } from '../../../src/adapters/trace-spool/native-bytes.ts';
import { PURE_BYTE_TOOLS } from '../../../src/domain/trace/byte-tools.ts';
import { createNeedleSkip } from '../../../src/domain/trace/needle-skip.ts';

const TOOLS = [PURE_BYTE_TOOLS, NATIVE_BYTE_TOOLS];

const letters = (min: number, max: number) =>
  fc
    .string({ unit: fc.constantFrom('a', 'b', 'A', 'é'), minLength: min, maxLength: max })
    .map((text) => Buffer.from(text));

/**
 * The first position from `start` on at which a needle begins, or a needle that the text cuts off.
 */
function firstBeginning(text: Buffer, needles: readonly Buffer[], start: number): number {
  for (let at = start; at < text.length; at++) {
    const begins = needles.some((needle) => {
      const there = text.subarray(at, at + needle.length);
      return needle.subarray(0, there.length).equals(there);
    });
    if (begins) return at;
  }
  return Math.max(start, text.length);
}

describe('skipping text without needles', () => {
  it('never skips a place at which a needle, or the beginning of one at the end, begins', () => {
    const needles = fc.array(letters(1, 20), { minLength: 1, maxLength: 5 });
    const tools = fc.constantFrom(...TOOLS);
    const law = fc.property(letters(0, 200), needles, tools, (text, all, { searchIn }) => {
      const skipFrom = createNeedleSkip(all)(text, searchIn);
      for (let start = 0; start <= text.length;) {
        const at = skipFrom(start);
        assert.ok(at >= start && at <= text.length);
        assert.ok(at <= firstBeginning(text, all, start));
        start = at + 1;
      }
      assert.equal(skipFrom(text.length + 7), text.length + 7);
    });
    fc.assert(law, { numRuns: 10_000 });
  });

  it('skips a long text without needles except for a window at its end', () => {
    const needles = ['private_token', 'x-amz-signature'].map((text) => Buffer.from(text));
    const text = Buffer.from('nothing to see here, '.repeat(1_000));
    const at = createNeedleSkip(needles)(text)(0);
    assert.ok(text.length - at < 13, `stopped ${text.length - at} bytes before the end`);
  });

  it('skips everything when there is no needle', () => {
    assert.equal(createNeedleSkip([])(Buffer.from('text'))(1), 4);
    assert.equal(createNeedleSkip([])(Buffer.from('text'))(7), 7);
  });

  it('finds needles whose letters are folded in the text', () => {
    const fold = Uint8Array.from({ length: 256 }, (_, byte) =>
      byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte,
    );
    const needles = [Buffer.from('?token='), Buffer.from('&key=')];
    const text = Buffer.from(`${'-'.repeat(100)}?ToKeN=${'-'.repeat(50)}&KEY=`);
    for (const { searchIn } of TOOLS) {
      const skipFrom = createNeedleSkip(needles, fold)(text, searchIn);
      assert.equal(skipFrom(0), 100);
      assert.equal(skipFrom(101), 157);
    }
  });

  it('does not skip when there are as many needles as possible', () => {
    const needles = Array.from({ length: 5_000 }, (_, i) => Buffer.from(`n${i}-0123456789`));
    const text = Buffer.from(`${' '.repeat(200)}n4999-0123456789`);
    assert.equal(createNeedleSkip(needles)(text)(0), 200);
  });
});
