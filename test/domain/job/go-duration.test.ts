import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatGoDuration, parseGoDuration } from '../../../src/domain/job/go-duration.ts';

// Each row was run once through Go's time.ParseDuration.
const parsed: [text: string, expectedMs: number | undefined, why: string][] = [
  ['1h30m', 5_400_000, 'units one after another'],
  ['90s', 90_000, 'more than a minute of seconds'],
  ['1.5h', 5_400_000, 'fraction'],
  ['.5s', 500, 'fraction without a whole part'],
  ['1.s', 1_000, 'point without a fraction'],
  ['300ms', 300, 'milliseconds, not minutes and s'],
  ['1m1ms', 60_001, 'minutes and milliseconds'],
  ['250us', 0.25, 'microseconds'],
  ['250µs', 0.25, 'micro sign'],
  ['250μs', 0.25, 'Greek mu'],
  ['5ns', 0.000005, 'nanoseconds'],
  ['-1h', -3_600_000, 'sign in front'],
  ['+1h', 3_600_000, 'sign in front'],
  ['0', 0, 'the only number without a unit'],
  ['-0', 0, 'the only number without a unit'],
  ['1m1h', 3_660_000, 'any order'],
  ['1s1s', 2_000, 'any number of times'],
  ['', undefined, 'nothing'],
  ['5', undefined, 'no unit'],
  ['h', undefined, 'no number'],
  ['.s', undefined, 'no digit'],
  ['1 h', undefined, 'a space'],
  [' 1h', undefined, 'a space'],
  ['1d', undefined, 'Go has no days'],
  ['1h-5m', undefined, 'sign inside'],
  ['1e3s', undefined, 'no exponents'],
  ['1H', undefined, 'units are lower case'],
  ['3000000h', undefined, 'more than 292 years'],
  [`${'1'.repeat(300)}s`, undefined, 'far more than 292 years'],
];

describe('parseGoDuration', () => {
  for (const [text, expectedMs, why] of parsed) {
    it(`reads ${JSON.stringify(text.slice(0, 20))} as ${expectedMs} ms: ${why}`, () => {
      const durationMs = parseGoDuration(text);
      assert.equal(durationMs === 0 ? 0 : durationMs, expectedMs);
    });
  }

  it('never throws', () => {
    const text = fc.string({ unit: fc.constantFrom(...'0123456789.hmsunµ+- '), maxLength: 30 });
    fc.assert(
      fc.property(text, (given) => {
        const durationMs = parseGoDuration(given);
        assert.ok(durationMs === undefined || Number.isFinite(durationMs));
      }),
      { numRuns: 10_000 },
    );
  });
});

// Each row was run once through Go's time.Duration.String.
const formatted: [durationMs: number, expected: string, why: string][] = [
  [0, '0s', 'nothing'],
  [1, '1ms', 'below a second the unit shrinks'],
  [999, '999ms', 'below a second the unit shrinks'],
  [1_000, '1s', 'no zero parts in front'],
  [1_500, '1.5s', 'fraction of seconds'],
  [60_000, '1m0s', 'zero seconds are shown behind minutes'],
  [61_020, '1m1.02s', 'fraction of seconds'],
  [3_600_000, '1h0m0s', 'zero parts are shown behind hours'],
  [5_400_000, '1h30m0s', 'hours and minutes'],
  [90_061_000, '25h1m1s', 'no days'],
];

describe('formatGoDuration', () => {
  for (const [durationMs, expected, why] of formatted) {
    it(`writes ${durationMs} ms as ${expected}: ${why}`, () => {
      assert.equal(formatGoDuration(durationMs), expected);
    });
  }

  it('writes durations that parseGoDuration reads back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (durationMs) => {
        const again = parseGoDuration(formatGoDuration(durationMs));
        assert.equal(Math.round(again ?? -1), durationMs);
      }),
      { numRuns: 5_000 },
    );
  });
});
