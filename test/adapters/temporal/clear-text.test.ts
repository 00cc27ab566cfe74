import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RawValue, type PayloadCodec } from '@temporalio/common';
import { createPayloadCodec } from '../../../src/adapters/temporal/codec.ts';
import { payloadConverter } from '../../../src/adapters/temporal/payload-converter.ts';
import { clearValue } from '../../../src/domain/clear-text.ts';
import { loadCipher } from '../../support/cipher.ts';

const CANARY = 'canary-of-a-variable';

describe('a payload', () => {
  let directory: string;
  let codec: PayloadCodec;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'clear-'));
    codec = createPayloadCodec(await loadCipher(join(directory, 'keys.json')));
  });
  after(() => rm(directory, { recursive: true }));

  const send = async (value: unknown): Promise<Buffer> => {
    const [payload] = await codec.encode([payloadConverter.toPayload(value)]);
    return Buffer.from(payload?.data ?? []);
  };

  it('is in the clear when it was marked, also within the answer to a query', async () => {
    assert.equal((await send(clearValue('step_script'))).toString(), '"step_script"');
    const status = { stage: 'get_sources' };
    assert.deepEqual(JSON.parse((await send(clearValue(status))).toString()), status);
  });

  it('is in the clear when the SDK itself answers its own query', async () => {
    assert.equal((await send(new RawValue({ a: 1 }))).toString(), '{"a":1}');
  });

  const sealed: [what: string, value: unknown][] = [
    ['a text', CANARY],
    ['a value that only looks like a marked one', { 'clear-value': CANARY, metadata: { a: 1 } }],
    ['a marked value inside another one', { inner: clearValue({ text: CANARY }), text: CANARY }],
    ['bytes', Buffer.from(CANARY)],
  ];
  for (const [what, value] of sealed) {
    it(`is encrypted when it is ${what}`, async () => {
      assert.equal((await send(value)).includes(CANARY), false);
    });
  }

  it('returns the marked value', async () => {
    for (const value of [clearValue('text'), 'text']) {
      const encoded = await codec.encode([payloadConverter.toPayload(value)]);
      const [payload] = await codec.decode(encoded);
      assert.ok(payload);
      assert.equal(payloadConverter.fromPayload(payload), 'text');
    }
  });
});
