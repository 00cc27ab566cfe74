import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { withoutTrailing } from '../../src/domain/without-trailing.ts';
import { assertQuick } from '../support/assert-quick.ts';

describe('a text without a character at its end', () => {
  const cases: [text: string, expected: string][] = [
    ['', ''],
    ['a', 'a'],
    ['/', ''],
    ['a//', 'a'],
    ['/a/b/', '/a/b'],
    ['//a', '//a'],
  ];
  for (const [text, expected] of cases) {
    it(`of ${JSON.stringify(text)} is ${JSON.stringify(expected)}`, () => {
      assert.equal(withoutTrailing(text, '/'), expected);
    });
  }

  it('takes linear time when the character is everywhere but at the end', () => {
    assertQuick(() => withoutTrailing(`${'/'.repeat(20_000)}x`, '/'));
  });
});
