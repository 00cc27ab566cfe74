import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createTerminalFilter } from '../../../src/domain/trace/terminal-text.ts';

const cases: [why: string, text: string, expected: string][] = [
  ['text, tabs, lines and other scripts', 'a\tb\r\nж 日本 🎉\n', 'a\tb\r\nж 日本 🎉\n'],
  [
    'colours',
    '\u001b[0;32;1mok\u001b[m \u001b[38:2:1:2:3mx',
    '\u001b[0;32;1mok\u001b[m \u001b[38:2:1:2:3mx',
  ],
  [
    'GitLab’s section markers',
    'section_start:1:a[collapsed=true]\r\u001b[0KTitle',
    'section_start:1:a[collapsed=true]\r\u001b[0KTitle',
  ],
  ['bars of progress', '10 %\r\u001b[2K20 %\u001b[K', '10 %\r\u001b[2K20 %\u001b[K'],
  ['no title of the window', 'a\u001b]0;owned\u0007b', 'ab'],
  ['no clipboard, with the other end', 'a\u001b]52;c;cm0=\u001b\\b', 'ab'],
  ['no command in eight bits', 'a\u009d0;owned\u009cb', 'ab'],
  ['no device control', 'a\u001bP1$r\u001b\\b', 'ab'],
  ['no question that is answered as if typed', 'a\u001b[6n\u001b[c\u001b[>q\u0005b', 'ab'],
  ['no movement of the cursor', 'a\u001b[2A\u001b[10;5H\u001b[1Gb\u001b7\u001b8', 'ab'],
  ['no erased screen, nor scrollback', 'a\u001b[2J\u001b[3Jb', 'ab'],
  ['no modes', 'a\u001b[?1049h\u001b[?25l\u001b[?1003hb', 'ab'],
  ['no keyboard settings that end as colours do', 'a\u001b[>4;2mb', 'ab'],
  ['no reset', 'a\u001bcb', 'ab'],
  ['no other character set', 'a\u001b(0\u000eb', 'ab'],
  ['nothing overwritten by backspaces', 'evil\b\b\b\bgood\u007f', 'evilgood'],
  ['no bell, nor NUL', 'a\u0007\u0000b', 'ab'],
  ['a sequence in eight bits as one in seven', '\u009b31mred\u009b2A', '\u001b[31mred'],
  ['a command that never ends, to the end of its line', 'a\u001b]0;owned\nb', 'a\nb'],
  ['a sequence that is broken off', 'a\u001b[31\nb\u001b\u001b[32mc', 'a\nb\u001b[32mc'],
  ['a sequence within a command', 'a\u001b]0;x\u001b[31mb', 'a\u001b[31mb'],
  ['no sequence longer than any', `a\u001b[${'1;'.repeat(99)}mb`, 'ab'],
];

describe('a log on a terminal has', () => {
  for (const [why, text, expected] of cases) {
    it(why, () => assert.equal(createTerminalFilter()(text), expected));
  }

  it('the same however it is cut', () => {
    const words = cases.map(([, text]) => text);
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...words)), fc.nat(7), (parts, size) => {
        const text = parts.join('');
        const filter = createTerminalFilter();
        const chars = Array.from(text);
        let passed = '';
        for (let at = 0; at < chars.length; at += size + 1) {
          passed += filter(chars.slice(at, at + size + 1).join(''));
        }
        assert.equal(passed, createTerminalFilter()(text));
      }),
    );
  });

  it('only colours and erasing within a line may follow an escape, whatever a job writes', () => {
    const bytes = fc.constantFrom(...'\u001b\u009b\u009d\u0090[]P0;?K mnAHc\\\u0007\u0018x');
    fc.assert(
      fc.property(fc.array(bytes), (chars) => {
        const passed = createTerminalFilter()(chars.join(''));
        const rest = passed.split('\u001b').slice(1);
        for (const part of rest) assert.match(part, /^\[(?:[\d;:]*m|[012]?K)/);
        assert.doesNotMatch(passed.replaceAll('\u001b', ''), /[^\P{Cc}\t\r\n]/u);
      }),
    );
  });
});
