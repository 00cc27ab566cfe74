import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import {
  createTracePipeline,
  type TracePipeline,
  type TracePipelineState,
  type TraceStream,
} from '../../../src/domain/trace/pipeline.ts';
import { cut, NOW_MS, optionsOf, passThrough, textThrough } from './support.ts';

const NOTICE = (limit: number): string =>
  `\n\u001b[33;1mJob's log exceeded limit of ${limit} bytes.\n` +
  'Job execution will continue but no more output will be collected.\u001b[0;m\n';

const LIMITS: readonly (readonly [text: string, limit: number, kept: string, why: string])[] = [
  ['0123456789', 10, '0123456789', 'met exactly counts as exceeded'],
  ['ǲ', 5, 'ǲǲ', 'two bytes each, cut before the third'],
  ['ǲ', 6, 'ǲǲǲ', 'two bytes each, even'],
  ['─', 20, '──────', 'three bytes each'],
  ['─', 1, '', 'not even one'],
  ['🐤', 23, '🐤🐤🐤🐤🐤', 'four bytes each'],
  ['🐤', 24, '🐤🐤🐤🐤🐤🐤', 'four bytes each, even'],
];

describe('the limit of a trace', () => {
  for (const [text, limitBytes, kept, why] of LIMITS) {
    it(`of ${limitBytes} bytes keeps ${JSON.stringify(kept)}, then its notice once: ${why}`, () => {
      const pipeline = createTracePipeline(optionsOf({ limitBytes }));
      const given: Uint8Array[] = Array.from({ length: 100 }, () =>
        Uint8Array.from(pipeline.write('stdout', Buffer.from(text), NOW_MS)),
      );
      given.push(pipeline.write('runner', Buffer.from('Job succeeded\n'), NOW_MS));
      const trace = Buffer.concat([...given, pipeline.flush('stdout', NOW_MS)]);
      assert.equal(trace.toString(), kept + NOTICE(limitBytes));
      assert.equal(pipeline.crc, crc32(trace));
      assert.equal(pipeline.lengthBytes, trace.length);
      assert.equal(pipeline.isOverLimit, true);
    });
  }

  it('has the checksum that gitlab-runner computes', () => {
    const pipeline = createTracePipeline(optionsOf({ limitBytes: 10 }));
    pipeline.write('stdout', Buffer.from('This is the long message'), NOW_MS);
    assert.equal(pipeline.crc, 0x295921ca);
  });

  it('stays exceeded over a snapshot', () => {
    const options = optionsOf({ limitBytes: 3 });
    const first = createTracePipeline(options);
    first.write('stdout', Buffer.from('abcdef'), NOW_MS);
    const second = createTracePipeline(options, overJson(first));
    assert.equal(second.write('stdout', Buffer.from('g'), NOW_MS).length, 0);
    assert.equal(second.lengthBytes, first.lengthBytes);
  });

  it('counts all streams together', () => {
    const pipeline = createTracePipeline(optionsOf({ limitBytes: 6 }));
    pipeline.write('runner', Buffer.from('abc'), NOW_MS);
    const given = pipeline.write('stdout', Buffer.from('defgh'), NOW_MS);
    assert.equal(Buffer.from(given).toString(), `def${NOTICE(6)}`);
  });
});

const REPAIRS: readonly (readonly [input: string, expected: string, why: string])[] = [
  ['hello a\xfeb a\xffb\n', 'hello a\ufffdb a\ufffdb\n', 'bytes that never occur'],
  ['\xe2\x94\x80', '─', 'valid'],
  ['\xe2\x94a', '\ufffd\ufffda', 'cut off by another character: byte by byte, as Go'],
  ['\xe2\x94', '\ufffd\ufffd', 'cut off by the end'],
  ['\xed\xa0\x80', '\ufffd\ufffd\ufffd', 'a surrogate'],
  ['\xc0\xaf', '\ufffd\ufffd', 'longer than needed'],
  ['\xe0\x80\xaf', '\ufffd\ufffd\ufffd', 'longer than needed, three bytes'],
  ['\xf4\x90\x80\x80', '\ufffd\ufffd\ufffd\ufffd', 'above U+10FFFF'],
  ['\xf4\x8f\xbf\xbf', '\u{10ffff}', 'the last character'],
  ['\x80x', '\ufffdx', 'a follower without a leader'],
];

describe('the repair of UTF-8', () => {
  for (const [input, expected, why] of REPAIRS) {
    it(`turns ${JSON.stringify(input)} into ${JSON.stringify(expected)}: ${why}`, () => {
      const bytes = Buffer.from(input, 'latin1');
      assert.equal(textThrough(optionsOf(), [bytes]), expected);
      assert.equal(textThrough(optionsOf(), cut(bytes, [1])), expected);
    });
  }

  it('returns valid text for any bytes, the same wherever they are cut', () => {
    const bytes = fc.uint8Array({ maxLength: 100 });
    const sizes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 });
    const law = fc.property(bytes, sizes, (input, cuts) => {
      const whole = passThrough(optionsOf(), [input]);
      assert.deepEqual(passThrough(optionsOf(), cut(input, cuts)), whole);
      assert.deepEqual(Buffer.from(whole.toString()), whole);
    });
    fc.assert(law, { numRuns: 2_000 });
  });

  it('waits for the rest of a character while another stream writes', () => {
    const pipeline = createTracePipeline(optionsOf());
    const char = Buffer.from('─');
    const given = [
      Uint8Array.from(pipeline.write('stdout', char.subarray(0, 1), NOW_MS)),
      Uint8Array.from(pipeline.write('runner', Buffer.from('a'), NOW_MS)),
      Uint8Array.from(pipeline.write('stdout', char.subarray(1), NOW_MS)),
    ];
    assert.equal(Buffer.concat(given).toString(), 'a─');
  });
});

describe('a trace pipeline', () => {
  const streams: readonly TraceStream[] = ['runner', 'stdout', 'stderr', 'service'];
  const parts = fc.constantFrom(
    'a',
    '\n',
    '\r',
    'sec',
    'secret',
    'glpat-',
    '?rss_token=',
    '─',
    '\xff',
  );
  const steps = fc.array(
    fc.record({
      stream: fc.constantFrom(...streams),
      bytes: fc.oneof(
        fc.uint8Array({ maxLength: 9 }),
        parts.map((part) => Buffer.from(part)),
      ),
      flushes: fc.boolean(),
    }),
    { maxLength: 20 },
  );

  it('is not changed by snapshots, and has the CRC-32 and length of its output', () => {
    const law = fc.property(
      steps,
      fc.boolean(),
      fc.integer({ min: 1, max: 400 }),
      (all, timestamps, limitBytes) => {
        const options = {
          maskPhrases: ['secret'],
          tokenPrefixes: ['glpat-'],
          timestamps,
          limitBytes,
        };
        const plain = createTracePipeline(options);
        let restored = createTracePipeline(options);
        let trace = Buffer.alloc(0);
        for (const [index, { stream, bytes, flushes }] of all.entries()) {
          const nowMs = NOW_MS + index;
          const step = (pipeline: TracePipeline): Buffer => {
            const given = Buffer.from(pipeline.write(stream, bytes, nowMs));
            return flushes ? Buffer.concat([given, pipeline.flush(stream, nowMs)]) : given;
          };
          const given = step(plain);
          assert.deepEqual(step(restored), given);
          restored = createTracePipeline(options, overJson(restored));
          trace = Buffer.concat([trace, given]);
          assert.equal(plain.crc, crc32(trace));
          assert.equal(plain.lengthBytes, trace.length);
        }
        assert.deepEqual(restored.snapshot(), plain.snapshot());
      },
    );
    fc.assert(law, { numRuns: 1_000 });
  });
});

function overJson(pipeline: TracePipeline): TracePipelineState {
  return JSON.parse(JSON.stringify(pipeline.snapshot())) as TracePipelineState;
}
