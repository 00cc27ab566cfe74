import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLineStamps } from '../../../src/domain/trace/line-stamps.ts';
import { createTracePipeline, type TraceStream } from '../../../src/domain/trace/pipeline.ts';
import { NOW_MS, optionsOf } from './support.ts';

const EIGHT_KIB = 8 * 1024;
const DOTS = '.'.repeat(EIGHT_KIB);

// Writes and lines of gitlab-runner's own tests: `timestamper_test.go`. Each write is an hour
// later.
const CASES: readonly (readonly [
  writes: readonly string[],
  expected: readonly string[],
  why: string,
])[] = [
  [['one\n'], ['01  one\n'], 'a line'],
  [
    ['a split ', 'up ', 'line\n'],
    ['01  a split up line\n'],
    'a line has the time of its beginning',
  ],
  [['a\nb\n'], ['01  a\n', '01  b\n'], 'two lines in one write'],
  [['\nstart', '\nend\n'], ['01  \n', '01  start\n', '02  end\n'], 'ends of lines first'],
  [
    ['bar: ', '.\r', '.\r', 'Done.\r\n', 'x\n'],
    ['01  bar: .\r\n', '03 +.\r\n', '04 +Done.\r\n', '05  x\n'],
    'a CR without LF breaks the line',
  ],
  [['x\r\r\r\n', 'y\r\n'], ['01  x\r\r\r\n', '02  y\r\n'], 'CR before LF does not'],
  [
    ['section_start:1:a\r\u001b[0K', 'section_end:1:a\r\u001b[0K'],
    ['01  section_start:1:a\r\u001b[0K\n', '02 +section_end:1:a\r\u001b[0K\n'],
    'what follows the CR stays with it',
  ],
  [
    ['large ', DOTS, `${DOTS}.`, 'end\n'],
    [`01  large ${DOTS}\n`, `03 +${DOTS}.\n`, '04 +end\n'],
    'more than 8 KiB without LF are broken',
  ],
  [['the end'], ['01  the end\n'], 'a line that never ended gets its end'],
];

describe('line stamps', () => {
  for (const [writes, expected, why] of CASES) {
    it(`make ${expected.length} lines of ${writes.length} writes: ${why}`, () => {
      const stamps = createLineStamps('ffE');
      const given = writes.map((text, i) => {
        const nowMs = Date.UTC(2021, 0, 1, 1 + i, 0, 0, 20) + 0.01;
        return Uint8Array.from(stamps.write(Buffer.from(text), nowMs));
      });
      const lines = expected.map((line) =>
        line.replace(/^(..) /, '2021-01-01T$1:00:00.020010Z ffE'),
      );
      assert.equal(Buffer.concat([...given, stamps.flush(false)]).toString(), lines.join(''));
      assert.equal(stamps.flush(false).length, 0);
    });
  }
});

type Step = readonly [stream: TraceStream, text: string | undefined];
const AT = '2021-01-01T00:00:00.020000Z';

// Each row has its steps, of which those without text are flushes, and the whole output.
const STREAMS: readonly (readonly [steps: readonly Step[], expected: string, why: string])[] = [
  [
    [
      ['runner', 'a\n'],
      ['stdout', 'b\n'],
      ['stderr', 'c\n'],
      ['service', 'd\n'],
    ],
    `${AT} 00O a\n${AT} 01O b\n${AT} 01E c\n${AT} 0fO d\n`,
    'each has its number',
  ],
  [
    [
      ['stdout', 'half '],
      ['runner', 'whole\n'],
      ['stdout', 'line\n'],
    ],
    `${AT} 00O whole\n${AT} 01O half line\n`,
    'a line of the runner does not break one of the job',
  ],
  [
    [
      ['stdout', '10%\r'],
      ['runner', 'whole\n'],
      ['stdout', '20%\n'],
    ],
    `${AT} 01O 10%\r\n${AT} 00O whole\n${AT} 01O+20%\n`,
    'nor does it take its continuation',
  ],
  [
    [
      ['stdout', '10%\r'],
      ['stdout', undefined],
      ['stdout', 'new\n'],
    ],
    `${AT} 01O 10%\r\n${AT} 01O new\n`,
    'the output of the next stage is another text',
  ],
  [
    [
      ['stdout', 'no end'],
      ['stdout', undefined],
      ['stdout', 'new\n'],
    ],
    `${AT} 01O no end\n${AT} 01O new\n`,
    'the same for a line without an end',
  ],
  [
    [
      ['runner', 'mark\r'],
      ['runner', undefined],
      ['runner', 'title\n'],
    ],
    `${AT} 00O mark\r\n${AT} 00O+title\n`,
    'the runner has one text from beginning to end',
  ],
];

describe('the lines of several streams', () => {
  for (const [steps, expected, why] of STREAMS) {
    it(`are stamped separately: ${why}`, () => {
      const pipeline = createTracePipeline(optionsOf({ timestamps: true }));
      const given = steps.map(([stream, text]) =>
        text === undefined
          ? pipeline.flush(stream, NOW_MS)
          : Uint8Array.from(pipeline.write(stream, Buffer.from(text), NOW_MS)),
      );
      assert.equal(Buffer.concat(given).toString(), expected);
    });
  }

  it('never have a character split where a long line is broken', () => {
    const pipeline = createTracePipeline(optionsOf({ timestamps: true }));
    const text = Buffer.from('─'.repeat(3_000));
    const given = [
      text.subarray(0, 8_999),
      Buffer.concat([text.subarray(8_999), Buffer.from('\n')]),
    ].map((piece) => Uint8Array.from(pipeline.write('stdout', piece, NOW_MS)));
    const expected = `${AT} 01O ${'─'.repeat(2_999)}\n${AT} 01O+─\n`;
    assert.equal(Buffer.concat(given).toString(), expected);
  });
});
