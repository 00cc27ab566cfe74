import { assert } from '../assert.ts';

/** Half-open window [startByte, endByte) of a trace. Counts bytes, never UTF-16 units. */
export interface TraceWindow {
  readonly startByte: number;
  readonly endByte: number;
}

/**
 * `Content-Range` of a trace patch. The wire end is inclusive: bytes [0, 1024) are `0-1023`.
 * Source: PATCH /jobs/:id/trace, gitlab-runner 19.4 `network/gitlab.go`. Throws for an empty
 * window, which is a bug.
 */
export function formatContentRange({ startByte, endByte }: TraceWindow): string {
  assert(startByte < endByte, `empty trace window ${startByte}-${endByte}`);
  return `${startByte}-${endByte - 1}`;
}

/**
 * Returns the number of bytes that the coordinator holds, from the `Range` header of a 416 reply.
 * The end is exclusive here, unlike in `Content-Range`. Returns undefined when the header is
 * malformed.
 */
export function parseRemoteLengthBytes(range: string | null): number | undefined {
  const end = /^\d+-(\d+)$/.exec(range ?? '')?.[1];
  return end === undefined ? undefined : Number(end);
}
