import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { demux, takeFrames, type LogFrame } from '../../../src/adapters/docker/demux.ts';

function frame({ stream, bytes }: LogFrame): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream === 'stderr' ? 2 : 1;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (let index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] ?? 1;
    yield await Promise.resolve(bytes.subarray(at, at + size));
    at += size;
  }
}

/** Merges neighbouring pieces of one stream, because the cuts between frames do not matter. */
function joined(frames: readonly LogFrame[]): string[] {
  const lines: string[] = [];
  let last = '';
  for (const { stream, bytes } of frames) {
    if (bytes.length === 0) continue;
    const hex = Buffer.from(bytes).toString('hex');
    if (stream === last) lines.push(`${lines.pop() ?? ''}${hex}`);
    else lines.push(`${stream} ${hex}`);
    last = stream;
  }
  return lines;
}

const frames = fc.array(
  fc.record({
    stream: fc.constantFrom('stdout' as const, 'stderr' as const),
    bytes: fc.uint8Array({ maxLength: 30 }),
  }),
);
const sizes = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 });

void test('streams are restored unchanged, however the connection cuts them', async () => {
  await fc.assert(
    fc.asyncProperty(frames, sizes, async (input, chunkSizes) => {
      const wire = Buffer.concat(input.map(frame));
      const output = await takeFrames(demux(cut(wire, chunkSizes)), Infinity);
      assert.deepEqual(joined(output), joined(input));
    }),
  );
});

void test('reading stops at the limit of bytes', async () => {
  const wire = Buffer.concat([
    frame({ stream: 'stdout', bytes: Buffer.from('abc') }),
    frame({ stream: 'stderr', bytes: Buffer.from('defg') }),
    frame({ stream: 'stdout', bytes: Buffer.from('never read') }),
  ]);
  let isClosed = false;
  async function* source(): AsyncGenerator<Buffer> {
    try {
      yield* cut(wire, [5]);
    } finally {
      isClosed = true;
    }
  }
  const taken = await takeFrames(demux(source()), 5);
  assert.deepEqual(joined(taken), ['stdout 616263', 'stderr 6465']);
  assert.equal(isClosed, true);
  assert.deepEqual(await takeFrames(demux(cut(wire, [5])), 0), []);
});
