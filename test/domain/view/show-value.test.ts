import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { showValue } from '../../../src/domain/view/show-value.ts';

const RULES = { name: 'shown', inner: 'shown', health: 'map', sealed: 'hidden' } as const;

describe('a value as people may see it', () => {
  const cases: [why: string, value: unknown, expected: unknown][] = [
    ['a field with a rule', { name: 'rspec' }, { name: 'rspec' }],
    [
      'one without, even inside another',
      { inner: { a: 1, name: 'x' } },
      { inner: { a: '[HIDDEN]', name: 'x' } },
    ],
    ['one that is always hidden', { sealed: 'x' }, { sealed: '[HIDDEN]' }],
    [
      'a map with any keys',
      { health: { k: { name: 'x', b: 2 } } },
      { health: { k: { name: 'x', b: '[HIDDEN]' } } },
    ],
    ['a map that is none', { health: 'x' }, { health: '[HIDDEN]' }],
    ['a list', [{ name: 'x' }, { other: 'x' }], [{ name: 'x' }, { other: '[HIDDEN]' }]],
    ['numbers, flags and nothing', [1, true, null], [1, true, null]],
    ['a token in a text', 'of glrt-AbCdEfGhIjKlMnOp', 'of glrt-[MASKED]'],
    [
      'a password in an address',
      { name: 'https://u:pass@host' },
      { name: 'https://u:[MASKED]@host' },
    ],
    [
      'a token as a name',
      { health: { 'glpat-AbCdEfGhIj': 1 } },
      { health: { 'glpat-[MASKED]': 1 } },
    ],
    [
      'what every object has',
      { toString: 'x', constructor: 'x' },
      { toString: '[HIDDEN]', constructor: '[HIDDEN]' },
    ],
  ];
  for (const [why, value, expected] of cases) {
    it(`has ${why}`, () => {
      assert.deepEqual(showValue(value, RULES), expected);
    });
  }

  it('ends at a depth that no payload of this program has', () => {
    let deep: unknown = { name: 'bottom' };
    for (let level = 0; level < 10_000; level += 1) deep = { inner: deep };
    assert.doesNotMatch(JSON.stringify(showValue(deep, RULES)), /bottom/);
  });
});
