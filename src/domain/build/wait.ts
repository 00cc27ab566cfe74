import { isObject } from '../is-object.ts';
import type { Party } from '../failure.ts';

/** Name of the signal by which a node tells a build's workflow what the build waits for. */
export const WAITS_SIGNAL = 'waits';

const AWAITED = [
  'GitLab',
  'Docker',
  'Temporal',
  'the cache server',
  'the disk of its node',
  'an image to be pulled',
  'its services to listen',
  'another try',
] as const;

/**
 * The things that a build can wait for on its node. The list is closed, because everybody can see
 * it.
 */
export type Awaited = (typeof AWAITED)[number];

/** Why a build waits. */
export interface WaitReason {
  readonly what: Awaited;
  /** The status of the answer that came instead; undefined when there was none. */
  readonly status?: number | undefined;
}

/** A wait of a build, as its node tells it. */
export interface NodeWait extends WaitReason {
  /** Distinguishes the wait from the build's other ones. `uploadTrace` runs beside the stages. */
  readonly key: string;
  /** By the node's clock, in milliseconds since 1970. */
  readonly sinceMs: number;
}

/** A build never has this many waits, but a signal may contain anything. */
const MAX_WAITS = 20;

/** Parses the waits of a signal; undefined when the signal contains something else. */
export function parseWaits(value: unknown): readonly NodeWait[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_WAITS) return undefined;
  const waits = value.map(parseWait);
  return waits.every((wait) => wait !== undefined) ? waits : undefined;
}

function parseWait(value: unknown): NodeWait | undefined {
  if (!isObject(value)) return undefined;
  const { key, sinceMs, status } = value;
  const what = AWAITED.find((one) => one === value['what']);
  const isMoment = typeof sinceMs === 'number' && sinceMs >= 0 && sinceMs <= 8.64e15;
  if (typeof key !== 'string' || what === undefined || !isMoment) return undefined;
  const isStatus = typeof status === 'number' && status >= 100 && status <= 599;
  return { key, what, sinceMs, ...(isStatus && { status: Math.floor(status) }) };
}

/** Describes a wait in words: `GitLab, 503`. */
export function describeWait({ what, status }: WaitReason): string {
  return status === undefined ? what : `${what}, ${status}`;
}

const AWAITED_PARTIES: Readonly<Record<Party, Awaited>> = {
  gitlab: 'GitLab',
  docker: 'Docker',
  temporal: 'Temporal',
  cache: 'the cache server',
  disk: 'the disk of its node',
};

/** Returns what the build waits for after a transient fault. */
export function waitAfter({
  from,
  status,
}: {
  readonly from?: Party | undefined;
  readonly status?: number | undefined;
}): WaitReason {
  return { what: from === undefined ? 'another try' : AWAITED_PARTIES[from], status };
}
