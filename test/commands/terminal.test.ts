import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { createPaint, formatTable } from '../../src/commands/terminal.ts';

const output = (changes: object) => Object.assign(new Writable(), changes);
const TERMINAL = { isTTY: true, hasColors: () => true };

describe('colours', () => {
  const cases: [why: string, output: object, env: Record<string, string>, expected: string][] = [
    ['on a terminal', TERMINAL, {}, '\u001b[31mx\u001b[0m'],
    ['not where NO_COLOR is set', TERMINAL, { NO_COLOR: '1' }, 'x'],
    ['where NO_COLOR is empty', TERMINAL, { NO_COLOR: '' }, '\u001b[31mx\u001b[0m'],
    ['not on a terminal without them', { isTTY: true, hasColors: () => false }, {}, 'x'],
    ['not in a pipe', {}, {}, 'x'],
  ];
  for (const [why, changes, env, expected] of cases) {
    it(`are there ${why}`, () => {
      assert.equal(createPaint({ stdout: output(changes), env })('red', 'x'), expected);
    });
  }

  it('do not move the columns of a table', () => {
    const paint = createPaint({ stdout: output(TERMINAL), env: {} });
    const rows = [
      ['A', 'B'],
      [{ text: 'long', colour: 'red' as const }, 'b'],
    ];
    const text = formatTable(rows, paint);
    assert.equal(stripVTControlCharacters(text), 'A     B\nlong  b\n');
  });
});
