import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createMarkReader,
  formatMark,
  withoutMarks,
  type LogPhase,
  type LogRun,
} from '../../../src/domain/script/log-marks.ts';

const NONCE = '0123456789abcdef0123456789abcdef';
const BEGIN = `${formatMark(NONCE, 'begins')}\n`;
const END = `${formatMark(NONCE, 'ends')}\n`;
const OTHER = `${formatMark('fedcba9876543210fedcba9876543210', 'begins')}\n`;

const run = (stream: LogRun['stream'], text: string): LogRun => ({
  stream,
  bytes: new TextEncoder().encode(text),
});
const out = (text: string): LogRun => run('stdout', text);
const err = (text: string): LogRun => run('stderr', text);

/** The same log with a run for each byte. */
function bytewise(runs: readonly LogRun[]): readonly LogRun[] {
  return runs.flatMap(({ stream, bytes }) =>
    Array.from(bytes, (byte) => ({ stream, bytes: Uint8Array.of(byte) })),
  );
}

describe('a reader of the marks in a container’s log', () => {
  const begun = [out(BEGIN), err(BEGIN)];
  const cases: [why: string, runs: readonly LogRun[], phase: LogPhase][] = [
    ['no stage has begun', [out('some'), err('thing')], 'before'],
    ['one stream may still have something', [out(BEGIN)], 'before'],
    ['the marks of another stage do not count', [out(OTHER), err(OTHER)], 'before'],
    ['the shell has said nothing', begun, 'script'],
    ['the shell has warned', [err('warning: ü\n'), ...begun], 'script'],
    ['the shell has not ended its line', [out('no end'), ...begun], 'script'],
    ['only one stream has come to its end', [...begun, out(END)], 'script'],
    ['a stream is within its mark', [...begun, err(END), out(END.slice(0, 9))], 'script'],
    ['both streams are at their end', [...begun, out(END), err(END)], 'end'],
    ['a stream is ahead of the other', [out(BEGIN), out(END), err(BEGIN), err(END)], 'end'],
    [
      'an earlier stage had its marks',
      [out(OTHER), err(OTHER), ...begun, out(END), err(END)],
      'end',
    ],
    ['the script has said something', [...begun, out('x')], 'spoken'],
    ['it has done so in the other stream', [...begun, out(END), err(`x${END}`)], 'spoken'],
    ['something is said after the end', [...begun, out(END), err(`${END}x`)], 'spoken'],
  ];
  for (const [why, runs, phase] of cases) {
    it(`is at "${phase}" when ${why}`, () => {
      for (const each of [runs, bytewise(runs)]) {
        const reader = createMarkReader(NONCE);
        assert.equal(each.map((part) => reader.read(part)).at(-1), phase);
      }
    });
  }
});

describe('a log without marks', () => {
  const textOf = (runs: readonly LogRun[]): string =>
    runs
      .map(
        ({ stream, bytes }) =>
          `${stream === 'stdout' ? '' : '!'}${new TextDecoder().decode(bytes)}`,
      )
      .join('|');
  const cases: [why: string, runs: readonly LogRun[], left: string][] = [
    ['has nothing else', [out(BEGIN), err(BEGIN), out(END), err(END)], ''],
    ['keeps what was said around them', [out(`a\n${BEGIN}b\n${END}c`)], 'a\n|b\n|c'],
    ['keeps a line that a mark ends', [err(`no end${OTHER}`)], '!no end'],
    [
      'keeps what looks like one',
      [out('temporal-gitlab-runner: x begins \n')],
      'temporal-gitlab-runner: x begins \n',
    ],
    ['keeps the bytes of any text', [out(`ü${BEGIN}ß`), err('€')], 'ü|ß|!€'],
    [
      'keeps the streams apart',
      [out(BEGIN.slice(0, 9)), err(BEGIN.slice(9))],
      `${BEGIN.slice(0, 9)}|!${BEGIN.slice(9)}`,
    ],
    [
      'has none in pieces either',
      [out(`a${BEGIN.slice(0, 9)}`), err('b'), out(BEGIN.slice(9))],
      'a|!b',
    ],
  ];
  for (const [why, runs, left] of cases) {
    it(why, () => {
      assert.equal(textOf(withoutMarks(runs)), left);
    });
  }
});
