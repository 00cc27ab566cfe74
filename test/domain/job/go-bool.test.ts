import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseGoBool } from '../../../src/domain/job/go-bool.ts';

const cases: [text: string, expected: boolean | undefined, why: string][] = [
  ['true', true, 'the usual word'],
  ['True', true, 'as Python writes it'],
  ['TRUE', true, 'as Windows users write it'],
  ['t', true, 'short'],
  ['T', true, 'short'],
  ['1', true, 'number'],
  ['false', false, 'the usual word'],
  ['False', false, 'as Python writes it'],
  ['FALSE', false, 'as Windows users write it'],
  ['f', false, 'short'],
  ['F', false, 'short'],
  ['0', false, 'number'],
  ['tRUE', undefined, 'only three ways of writing'],
  ['yes', undefined, 'YAML, not Go'],
  ['on', undefined, 'YAML, not Go'],
  ['2', undefined, 'no number but 0 and 1'],
  [' true', undefined, 'spaces count'],
  ['', undefined, 'empty is for the caller to decide'],
  ['constructor', undefined, 'a name every JavaScript object has'],
];

describe('parseGoBool', () => {
  for (const [text, expected, why] of cases) {
    it(`reads ${JSON.stringify(text)} as ${expected}: ${why}`, () => {
      assert.equal(parseGoBool(text), expected);
    });
  }
});
