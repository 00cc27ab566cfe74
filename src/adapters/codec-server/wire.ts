import type { Payload } from '@temporalio/common';
import { isObject } from '../../domain/is-object.ts';

/** A page of a history has fewer payloads than this. */
const MAX_PAYLOADS = 2_000;

/**
 * Parses the payloads of a request in protobuf's JSON, where bytes are base64. Returns undefined
 * for any other body, and for too many payloads. Source: Temporal's remote codec protocol,
 * `converter/codec.go` of its Go SDK.
 */
export function parsePayloads(body: Buffer): readonly Payload[] | undefined {
  const list = parseJson(body);
  const sent = isObject(list) ? (list['payloads'] ?? []) : undefined;
  if (!Array.isArray(sent) || sent.length > MAX_PAYLOADS) return undefined;
  const payloads = sent.map(parsePayload);
  return payloads.every((payload) => payload !== undefined) ? payloads : undefined;
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return undefined;
  }
}

function parsePayload(sent: unknown): Payload | undefined {
  if (!isObject(sent)) return undefined;
  const { metadata = {}, data = '' } = sent;
  const entries = isObject(metadata) ? Object.entries(metadata) : [['', undefined] as const];
  if (typeof data !== 'string' || entries.some(([, value]) => typeof value !== 'string')) {
    return undefined;
  }
  return {
    metadata: Object.fromEntries(entries.map(([key, value]) => [key, fromBase64(String(value))])),
    data: fromBase64(data),
  };
}

function fromBase64(text: string): Buffer {
  return Buffer.from(text, 'base64');
}

/** Formats the answer to a request, in the same form. */
export function formatPayloads(payloads: readonly Payload[]): string {
  return JSON.stringify({ payloads: payloads.map(formatPayload) });
}

function formatPayload({ metadata, data }: Payload): Record<string, unknown> {
  const entries = Object.entries(metadata ?? {});
  return {
    metadata: Object.fromEntries(entries.map(([key, value]) => [key, toBase64(value)])),
    // Protobuf's JSON leaves out empty fields.
    ...(data && data.byteLength > 0 && { data: toBase64(data) }),
  };
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
