import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { NATIVE_BYTE_TOOLS } from '../../../src/adapters/trace-spool/native-bytes.ts';
import { createTracePipeline } from '../../../src/domain/trace/pipeline.ts';
import { NOW_MS, optionsOf } from '../../domain/trace/support.ts';

const parts = fc.constantFrom(
  ...['a', '\n', '\r', 'sec', 'secret', 'glpat-', '?rss_token=', '─', '🐤', '\n'.repeat(3_000)],
);
const pieces = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    fc.array(parts, { maxLength: 6 }).map((texts) => Buffer.from(texts.join(''))),
  ),
  { maxLength: 20 },
);

describe("Node's own tools for bytes", () => {
  it('produce the same trace as loops over bytes, in memory that is used again', () => {
    const law = fc.property(
      pieces,
      fc.boolean(),
      fc.integer({ min: 1, max: 20_000 }),
      (all, timestamps, limitBytes) => {
        const options = optionsOf({
          ...{ maskPhrases: ['secret'], tokenPrefixes: ['glpat-'], timestamps, limitBytes },
        });
        const pure = createTracePipeline(options);
        const native = createTracePipeline({ ...options, tools: NATIVE_BYTE_TOOLS });
        // Like a follower, this reads into the same memory each time.
        const memory = Buffer.alloc(64 * 1024);
        for (const [index, bytes] of all.entries()) {
          const expected = Buffer.from(pure.write('stdout', bytes, NOW_MS + index));
          bytes.copy(memory);
          const there = memory.subarray(0, bytes.length);
          assert.deepEqual(Buffer.from(native.write('stdout', there, NOW_MS + index)), expected);
          memory.fill('!');
        }
        const expected = Buffer.from(pure.flush('stdout', NOW_MS));
        assert.deepEqual(Buffer.from(native.flush('stdout', NOW_MS)), expected);
        assert.deepEqual(native.snapshot(), pure.snapshot());
      },
    );
    fc.assert(law, { numRuns: 2_000 });
  });

  it('begin a new UTF-8 character after an incomplete one', () => {
    const pipeline = createTracePipeline(optionsOf());
    const first = Buffer.from(pipeline.write('stdout', Buffer.from([0xe2, 0xf0]), NOW_MS));
    assert.equal(first.toString(), '\ufffd');
    const second = pipeline.write('stdout', Buffer.from([0x9f, 0x90, 0xa4]), NOW_MS);
    assert.equal(Buffer.from(second).toString(), '🐤');
  });
});
