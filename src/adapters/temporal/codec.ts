import { gunzipSync, gzipSync } from 'node:zlib';
import { METADATA_ENCODING_KEY, type Payload, type PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { Cipher } from '../state/cipher.ts';
import { isMarkedClear } from './clear-payload.ts';

const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';
const COMPRESSION = 'compression';

/** Encrypts every payload that leaves the worker, so that the Temporal server cannot read any. */
export function createPayloadCodec(cipher: Cipher): PayloadCodec {
  return {
    // `async`, so that a payload that cannot be decrypted rejects, as the SDK expects.
    encode: async (payloads) =>
      payloads.map((payload) => (isMarkedClear(payload) ? payload : encode(payload, cipher))),
    decode: async (payloads) => payloads.map((payload) => decode(payload, cipher)),
  };
}

// A CommonJS module whose names are not visible to ESM.
const { Payload: Wire } = proto.temporal.api.common.v1;

function encode(payload: Payload, cipher: Cipher): Payload {
  const packed = gzipSync(Wire.encode(payload).finish(), { level: 1 });
  return {
    metadata: {
      [METADATA_ENCODING_KEY]: Buffer.from(ENCODING),
      [KEY_ID]: Buffer.from(cipher.keyId),
      [COMPRESSION]: Buffer.from('gzip'),
    },
    data: cipher.encrypt(packed),
  };
}

function decode(payload: Payload, cipher: Cipher): Payload {
  const keyId = keyIdOf(payload);
  if (keyId === undefined) return payload;
  return Wire.decode(gunzipSync(cipher.decrypt(payload.data ?? new Uint8Array(), keyId)));
}

/** Id of the key that encrypted a payload; undefined for a plain one. */
export function keyIdOf({ metadata }: Payload): string | undefined {
  const encoding = metadata?.[METADATA_ENCODING_KEY];
  if (encoding === undefined || Buffer.from(encoding).toString() !== ENCODING) return undefined;
  return Buffer.from(metadata?.[KEY_ID] ?? []).toString();
}
