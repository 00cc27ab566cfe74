import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import {
  METADATA_ENCODING_KEY,
  type Payload,
  type PayloadCodec,
  type SerializationContext,
} from '@temporalio/common';
import proto from '@temporalio/proto';
import type { Cipher } from '../state/cipher.ts';
import { isMarkedClear } from './clear-payload.ts';

const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';
const COMPRESSION = 'compression';
const BINDING = 'bound-to';

/**
 * Creates the codec. It encrypts every payload that leaves the worker, so that the Temporal server
 * cannot read it, and binds it to its workflow, so that nobody with access to the namespace can
 * pass it to another one.
 */
export function createPayloadCodec(cipher: Cipher): PayloadCodec {
  return {
    // The function is `async`, so that a payload that cannot be decrypted rejects, as the SDK
    // expects.
    encode: async (payloads, context) =>
      payloads.map((payload) =>
        isMarkedClear(payload) ? payload : encode(payload, { cipher, boundTo: bindingOf(context) }),
      ),
    decode: async (payloads, context) =>
      payloads.map((payload) => decode(payload, { cipher, boundTo: bindingOf(context) })),
  };
}

interface Scope {
  readonly cipher: Cipher;
  /** The workflow that the payload is bound to; undefined when the caller does not know it. */
  readonly boundTo: Uint8Array | undefined;
}

/**
 * Returns a digest of the workflow's id, because ids are long and every payload has one. Activities
 * belong to their workflow.
 */
function bindingOf(context: SerializationContext | undefined): Uint8Array | undefined {
  if (context?.workflowId === undefined) return undefined;
  const owner = JSON.stringify([context.namespace, context.workflowId]);
  return createHash('sha256').update(owner).digest();
}

// This is a CommonJS module whose names are not visible to ESM.
const { Payload: Wire } = proto.temporal.api.common.v1;

function encode(payload: Payload, { cipher, boundTo }: Scope): Payload {
  const packed = gzipSync(Wire.encode(payload).finish(), { level: 1 });
  return {
    metadata: {
      [METADATA_ENCODING_KEY]: Buffer.from(ENCODING),
      [KEY_ID]: Buffer.from(cipher.keyId),
      [COMPRESSION]: Buffer.from('gzip'),
      ...(boundTo && { [BINDING]: boundTo }),
    },
    data: cipher.encrypt(packed, boundTo),
  };
}

/**
 * Decrypts a payload. A payload of an earlier release is bound to nothing. A caller that does not
 * know the workflow, such as the codec server, uses the binding that the payload itself names,
 * which nobody can change either.
 */
function decode(payload: Payload, { cipher, boundTo }: Scope): Payload {
  const keyId = keyIdOf(payload);
  if (keyId === undefined) return payload;
  const said = payload.metadata?.[BINDING] ?? undefined;
  if (said !== undefined && boundTo !== undefined && !Buffer.from(said).equals(boundTo)) {
    throw new Error('a payload was encrypted for another workflow: somebody has moved it');
  }
  return Wire.decode(gunzipSync(cipher.decrypt(payload.data ?? new Uint8Array(), keyId, said)));
}

/** Returns the id of the key that encrypted a payload; undefined for a plain one. */
export function keyIdOf({ metadata }: Payload): string | undefined {
  const encoding = metadata?.[METADATA_ENCODING_KEY];
  if (encoding === undefined || Buffer.from(encoding).toString() !== ENCODING) return undefined;
  return Buffer.from(metadata?.[KEY_ID] ?? []).toString();
}
