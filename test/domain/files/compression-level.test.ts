import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readCompressionLevel } from '../../../src/domain/files/compression-level.ts';

const cases: [text: string, level: string, warns: boolean, why: string][] = [
  ['', 'default', false, 'not set'],
  ['fastest', 'fastest', false, 'as it says'],
  ['slowest', 'slowest', false, 'as it says'],
  ['default', 'default', false, 'as it says'],
  ['FAST', 'default', true, 'gitlab-runner goes by the letter'],
  ['9', 'default', true, 'no number is a level'],
];
for (const [text, expected, warns, why] of cases) {
  it(`${JSON.stringify(text)} is ${expected}${warns ? ' with a warning' : ''}: ${why}`, () => {
    const { level, warning } = readCompressionLevel(text);
    assert.equal(level, expected);
    assert.equal(warning !== undefined, warns);
  });
}
