import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, after, describe, it } from 'node:test';
import {
  defaultPayloadConverter,
  type Payload,
  type PayloadCodec,
  type SerializationContext,
} from '@temporalio/common';
import fc from 'fast-check';
import type { Cipher } from '../../../src/adapters/state/cipher.ts';
import { loadCipher } from '../../support/cipher.ts';
import { createPayloadCodec } from '../../../src/adapters/temporal/codec.ts';

describe('payload codec', () => {
  let directory: string;
  let keyFile: string;
  let cipher: Cipher;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'codec-'));
    keyFile = join(directory, 'payload.json');
    cipher = await loadCipher(keyFile);
  });
  after(() => rm(directory, { recursive: true }));

  it('restores every payload with its metadata, whatever it contains', async () => {
    const codec = createPayloadCodec(cipher);
    const bytes = fc.uint8Array({ maxLength: 2_000 });
    const payload = fc.record({ metadata: fc.dictionary(fc.string(), bytes), data: bytes });
    await fc.assert(
      fc.asyncProperty(fc.array(payload, { maxLength: 4 }), async (payloads) => {
        const decoded = await codec.decode(await codec.encode(payloads));
        assert.deepEqual(decoded.map(plain), payloads.map(plain));
      }),
      { numRuns: 100 },
    );
  });

  it('hides values, names and encoding of a payload', async () => {
    const codec = createPayloadCodec(cipher);
    const secret = { password: 'correct-horse-battery-staple' };
    const encoded = await codec.encode([defaultPayloadConverter.toPayload(secret)]);
    const seen = encoded.map(everyByte).join('');
    for (const word of ['password', 'correct-horse', 'json/plain']) {
      assert.equal(seen.includes(word), false, `${word} can be read in ${seen}`);
    }
  });

  it('encrypts the same payload to different bytes each time', async () => {
    const codec = createPayloadCodec(cipher);
    const payload = defaultPayloadConverter.toPayload('the same');
    const [first, second] = await codec.encode([payload, payload]);
    assert.notDeepEqual(first?.data, second?.data);
  });

  it('passes on payloads that are not encrypted, such as those that the Temporal UI sends in a signal', async () => {
    const payload = defaultPayloadConverter.toPayload('sent by a person');
    assert.deepEqual(await createPayloadCodec(cipher).decode([payload]), [payload]);
  });

  it('names the missing key, and the file that lacks it', async () => {
    const other = await loadCipher(join(directory, 'other.json'));
    const encoded = await createPayloadCodec(other).encode([
      defaultPayloadConverter.toPayload('sealed by another key'),
    ]);
    await assert.rejects(
      createPayloadCodec(cipher).decode(encoded),
      new RegExp(`${other.keyId}.*${keyFile}`),
    );
  });

  it('decrypts payloads of an older key as long as the ring has that key', async () => {
    const sealed = await createPayloadCodec(cipher).encode([
      defaultPayloadConverter.toPayload('older than the newest key'),
    ]);
    const rotatedFile = join(directory, 'rotated.json');
    await loadCipher(rotatedFile);
    const keys = await Promise.all([rotatedFile, keyFile].map(readKeys));
    await writeFile(rotatedFile, JSON.stringify({ keys: keys.flat() }));
    const rotated = await loadCipher(rotatedFile);
    assert.notEqual(rotated.keyId, cipher.keyId);
    const [decoded] = await createPayloadCodec(rotated).decode(sealed);
    assert.ok(decoded);
    assert.equal(defaultPayloadConverter.fromPayload(decoded), 'older than the newest key');
  });

  it('refuses a payload with a single changed bit', async () => {
    const codec = createPayloadCodec(cipher);
    const [sealed] = await codec.encode([defaultPayloadConverter.toPayload('untouched')]);
    assert.ok(sealed?.data);
    for (const index of [0, 12, sealed.data.byteLength - 1]) {
      const data = Uint8Array.from(sealed.data);
      data[index] = (data[index] ?? 0) ^ 1;
      await assert.rejects(codec.decode([{ ...sealed, data }]), `byte ${index}: nonce, tag, text`);
    }
  });
});

describe('a payload that was encrypted for a workflow', () => {
  let directory: string;
  let codec: PayloadCodec;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bound-'));
    codec = createPayloadCodec(await loadCipher(join(directory, 'payload.json')));
  });
  after(() => rm(directory, { recursive: true }));

  const contextOf = (workflowId: string, namespace = 'default') =>
    ({ type: 'workflow', namespace, workflowId }) as const;
  const activity = { type: 'activity', namespace: 'default', workflowId: 'build/1' } as const;
  const payload = defaultPayloadConverter.toPayload('for build 1');
  const encode = async (context?: SerializationContext): Promise<Payload> =>
    (await codec.encode([payload], context))[0]!;
  const read = async (encoded: Payload, context?: SerializationContext): Promise<unknown> =>
    defaultPayloadConverter.fromPayload((await codec.decode([encoded], context))[0]!);

  it('can be read by that workflow, its activities, and a caller that does not know the workflow', async () => {
    const encoded = await encode(contextOf('build/1'));
    const readers = [contextOf('build/1'), { ...activity, isLocal: false }, undefined];
    for (const context of readers) assert.equal(await read(encoded, context), 'for build 1');
  });

  const others: [why: string, context: SerializationContext][] = [
    ['another workflow', contextOf('build/2')],
    ['the same in another namespace', contextOf('build/1', 'other')],
    ['an activity of another workflow', { ...activity, workflowId: 'build/2', isLocal: false }],
  ];
  for (const [why, context] of others) {
    it(`is refused by ${why}`, async () => {
      await assert.rejects(
        read(await encode(contextOf('build/1')), context),
        /for another workflow/,
      );
    });
  }

  it('cannot be made to look like one for another workflow, or for none', async () => {
    const [first, second] = await Promise.all(
      ['build/1', 'build/2'].map((id) => encode(contextOf(id))),
    );
    const moved = { metadata: second!.metadata!, data: first!.data! };
    await assert.rejects(read(moved, contextOf('build/2')), /does not/);
    const freed = { metadata: (await encode()).metadata!, data: first!.data! };
    await assert.rejects(read(freed, contextOf('build/2')), /does not/);
  });

  it('may come from an earlier release, which bound payloads to nothing', async () => {
    assert.equal(await read(await encode(), contextOf('build/1')), 'for build 1');
  });
});

async function readKeys(file: string): Promise<readonly unknown[]> {
  const ring = JSON.parse(await readFile(file, 'utf8')) as { keys: readonly unknown[] };
  return ring.keys;
}

/** A payload without the difference between `Uint8Array`, `Buffer` and an absent field. */
function plain({ metadata, data }: Payload): unknown {
  const entries = Object.entries(metadata ?? {}).map(([key, value]) => [key, [...value]] as const);
  return { metadata: new Map(entries), data: [...(data ?? [])] };
}

function everyByte({ metadata, data }: Payload): string {
  const parts = [...Object.values(metadata ?? {}), data ?? new Uint8Array()];
  return parts.map((bytes) => Buffer.from(bytes).toString('latin1')).join('\n');
}
