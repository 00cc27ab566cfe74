import { METADATA_ENCODING_KEY, type Payload, type PayloadCodec } from '@temporalio/common';
import { HIDDEN } from '../../domain/view/show-value.ts';
import { keyIdOf } from '../temporal/codec.ts';

/** Encodings of `null` and `undefined`, which have no data. */
const EMPTY: ReadonlySet<string> = new Set(['binary/null', '']);

/**
 * Returns a payload as people may see it. A payload that was not encrypted stays as it is, because
 * everybody could read it before. One that no key of this node can decrypt stays encrypted.
 */
export async function viewPayload(
  payload: Payload,
  { codec, show }: { readonly codec: PayloadCodec; readonly show: (value: unknown) => unknown },
): Promise<Payload> {
  if (!isSealed(payload)) return payload;
  const [plain] = await codec.decode([payload]).catch(() => []);
  return plain === undefined ? payload : showPlain(plain, show);
}

/** Whether a payload is encrypted. */
export function isSealed(payload: Payload): boolean {
  return keyIdOf(payload) !== undefined;
}

function showPlain(plain: Payload, show: (value: unknown) => unknown): Payload {
  const encoding = Buffer.from(plain.metadata?.[METADATA_ENCODING_KEY] ?? []).toString();
  if (EMPTY.has(encoding)) return plain;
  const value = encoding === 'json/plain' ? parse(plain.data) : { hidden: encoding };
  return {
    metadata: { [METADATA_ENCODING_KEY]: Buffer.from('json/plain') },
    data: Buffer.from(JSON.stringify(show(value))),
  };
}

function parse(data: Uint8Array | null | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(data ?? []).toString());
  } catch {
    return HIDDEN;
  }
}
