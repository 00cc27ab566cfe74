import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { dockerAt } from './docker-at.ts';

/** Docker's events about the containers of builds, at the time when they happen. */
export interface ContainerEvents {
  /**
   * Calls the listener in the same turn of the event loop in which the event arrives. Returns a
   * function that stops listening.
   */
  listen(listener: (event: ContainerEvent) => void): () => void;
  /** Counts how often containers of this job were started. */
  countStarts(jobId: number): number;
  close(): void;
}

export interface ContainerEvent {
  readonly id: string;
  readonly jobId: number;
  /** Name of the container. */
  readonly name: string;
  /** When it happened. */
  readonly atMs: number;
  /** Docker's name of the event, such as `create`, `start`, `die` or `destroy`. */
  readonly action: string;
}

interface EventStream extends NodeJS.ReadableStream {
  destroy(): void;
}

const BUILD_LABEL = 'temporal-gitlab-runner.build';

/**
 * Follows Docker's events. After an outage of the daemon it continues by itself with the events
 * since the daemon's return.
 */
export async function followContainers(dockerHost?: string): Promise<ContainerEvents> {
  const listeners = new Set<(event: ContainerEvent) => void>();
  const starts = new Map<number, number>();
  const take = (line: string): void => {
    const event = parseEvent(line);
    if (event === undefined) return;
    if (event.action === 'start') starts.set(event.jobId, (starts.get(event.jobId) ?? 0) + 1);
    for (const listener of listeners) listener(event);
  };
  const closed = new AbortController();
  const follow = async (sinceNs: bigint): Promise<void> => {
    let lastNs = sinceNs;
    const stream = await openEvents(dockerHost, sinceNs);
    const end = (): void => stream.destroy();
    closed.signal.addEventListener('abort', end);
    const lines = createInterface({ input: stream }).on('line', (line) => {
      lastNs = timeOf(line);
      take(line);
    });
    lines.on('error', () => undefined); // The stream ends with an error when the daemon is killed.
    stream.once('close', () => {
      closed.signal.removeEventListener('abort', end);
      void again(lastNs + 1n);
    });
  };
  const again = async (sinceNs: bigint): Promise<void> => {
    while (!closed.signal.aborted) {
      try {
        return await follow(sinceNs);
      } catch {
        await delay(20); // No event reports the return of a daemon.
      }
    }
  };
  await follow(BigInt(Date.now()) * 1_000_000n);
  return {
    listen: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    countStarts: (jobId) => starts.get(jobId) ?? 0,
    close: () => closed.abort(),
  };
}

async function openEvents(dockerHost: string | undefined, sinceNs: bigint): Promise<EventStream> {
  // Podman 4.3 has no filter for a label without its value, so parseEvent checks the label.
  const filters = { type: ['container' as const] };
  const since = `${sinceNs / 1_000_000_000n}.${`${sinceNs % 1_000_000_000n}`.padStart(9, '0')}`;
  // The result is the HTTP response, although its type says less. The type of `since` does not
  // allow fractions.
  return (await dockerAt(dockerHost).getEvents({
    filters,
    since: since as unknown as number,
  })) as EventStream;
}

/**
 * Returns the time of an event. The number is too long for JSON.parse, which would round it, and
 * the last event would then be repeated.
 */
function timeOf(line: string): bigint {
  return BigInt(/"timeNano":(\d+)/.exec(line)?.[1] ?? 0);
}

function parseEvent(line: string): ContainerEvent | undefined {
  const { Action, Actor } = JSON.parse(line) as {
    readonly Action: string;
    readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
  };
  const buildId = Actor.Attributes[BUILD_LABEL];
  if (buildId === undefined) return undefined;
  const action = PODMAN_WORDS[Action] ?? Action;
  const { name = '' } = Actor.Attributes;
  const atMs = Number(timeOf(line) / 1_000_000n);
  return { id: Actor.ID, jobId: Number(buildId.split('/').at(-1)), name, atMs, action };
}

/** Docker's names for the events that Podman 4.3 names differently. */
const PODMAN_WORDS: Readonly<Record<string, string>> = { remove: 'destroy' };
