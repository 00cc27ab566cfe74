import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { trimGoSpace, trimGoSpaceEnd } from '../../../src/domain/job/go-space.ts';

const cases: readonly (readonly [text: string, trimmed: string, end: string, why: string])[] = [
  ['', '', '', 'nothing'],
  [' \t\r\n', '', '', 'nothing but white space'],
  [' a b ', 'a b', ' a b', 'only the ends'],
  ['\u0085a\u0085 \u3000', 'a', '\u0085a', 'what Unicode calls white space'],
  ['\ufeffa\ufeff', '\ufeffa\ufeff', '\ufeffa\ufeff', 'no mark of byte order'],
  ['\u200ba', '\u200ba', '\u200ba', 'no space without width'],
];

describe('white space as Go defines it', () => {
  for (const [text, trimmed, end, why] of cases) {
    it(`is trimmed: ${why}`, () => {
      assert.equal(trimGoSpace(text), trimmed);
      assert.equal(trimGoSpaceEnd(text), end);
    });
  }

  it('takes time in proportion to its length', () => {
    const middle = `x${'\u0085 '.repeat(100_000)}y`;
    assert.equal(trimGoSpace(` ${middle} `), middle);
  });
});
