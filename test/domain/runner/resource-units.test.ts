import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMemoryBytes, parseNanoCpus } from '../../../src/domain/runner/resource-units.ts';

const sizes: readonly [text: string, bytes: number | undefined, why: string][] = [
  ['128m', 134_217_728, 'powers of 1024'],
  ['128M', 134_217_728, 'case does not matter'],
  ['128mb', 134_217_728, 'with a b'],
  ['128MiB', 134_217_728, 'with an i'],
  ['1.5g', 1_610_612_736, 'a fraction'],
  ['2 g', 2_147_483_648, 'one space'],
  ['1024', 1024, 'bytes without a unit'],
  ['10b', 10, 'bytes'],
  ['0', 0, 'zero'],
  ['', undefined, 'nothing'],
  ['m', undefined, 'no number'],
  ['-1', undefined, 'below zero'],
  ['12x', undefined, 'no such unit'],
  ['1ib', undefined, 'an i needs a unit'],
  ['1e3', undefined, 'no exponents'],
  ['99999999p', undefined, 'beyond what can be counted'],
];
describe('parseMemoryBytes', () => {
  for (const [text, bytes, why] of sizes) {
    it(`reads "${text}" as ${bytes}: ${why}`, () => {
      assert.equal(parseMemoryBytes(text), bytes);
    });
  }
});

const cpus: readonly [text: string, nanoCpus: number | undefined, why: string][] = [
  ['2', 2e9, 'whole cores'],
  ['0.5', 5e8, 'half a core'],
  ['.5', 5e8, 'without the zero'],
  ['1/2', 5e8, 'a fraction, as Go reads it'],
  ['5e-1', 5e8, 'an exponent, as Go reads it'],
  ['0.1', 1e8, 'no rounding error'],
  ['', undefined, 'nothing'],
  ['1/0', undefined, 'no division by zero'],
  ['0.5/2', undefined, 'fractions of whole numbers only'],
  ['-1', undefined, 'below zero'],
  ['half', undefined, 'a word'],
  ['1e99', undefined, 'beyond what can be counted'],
];
describe('parseNanoCpus', () => {
  for (const [text, nanoCpus, why] of cpus) {
    it(`reads "${text}" as ${nanoCpus}: ${why}`, () => {
      assert.equal(parseNanoCpus(text), nanoCpus);
    });
  }
});
