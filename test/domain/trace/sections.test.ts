import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  formatRunnerLine,
  formatSectionEnd,
  formatSectionStart,
  splitAtSectionMarkers,
  type RunnerLineLevel,
} from '../../../src/domain/trace/sections.ts';

const ESC = '\u001b';
const LINES: readonly (readonly [level: RunnerLineLevel, expected: string])[] = [
  ['plain', `${ESC}[0Ktext${ESC}[0;m\n`],
  ['info', `${ESC}[32;1mtext${ESC}[0;m\n`],
  ['warning', `${ESC}[0;33mWARNING: text${ESC}[0;m\n`],
  ['error', `${ESC}[31;1mERROR: text${ESC}[0;m\n`],
];
const MARK = (kind: string): string => `section_${kind}:1700000000:get_sources\r${ESC}[0K`;

describe('lines of the runner', () => {
  for (const [level, expected] of LINES) {
    it(`of level ${level} are ${JSON.stringify(expected)}`, () => {
      assert.equal(formatRunnerLine(level, 'text'), expected);
    });
  }
});

describe('section markers', () => {
  it('have whole seconds and no line end', () => {
    assert.equal(formatSectionStart('get_sources', 1_700_000_000_999, true), MARK('start'));
    assert.equal(formatSectionEnd('get_sources', 1_700_000_000_999, true), MARK('end'));
  });

  it('are left out when the coordinator does not support them', () => {
    assert.equal(formatSectionStart('get_sources', 0, false), '');
    assert.equal(formatSectionEnd('get_sources', 0, false), '');
  });

  it('are separate parts', () => {
    const parts = [MARK('end'), MARK('start'), 'title\n'];
    assert.deepEqual(splitAtSectionMarkers(parts.join('')), parts);
    assert.deepEqual(splitAtSectionMarkers('no marker\n'), ['no marker\n']);
    assert.deepEqual(splitAtSectionMarkers(''), []);
  });
});
