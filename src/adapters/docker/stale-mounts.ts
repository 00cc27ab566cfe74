import type { Refusal } from './faults.ts';

interface Call {
  readonly method: string;
  readonly path: string;
}

/** Containers that Podman considers mounted although they are not. */
export interface StaleMounts {
  /** Remembers the container of a refused call if a stale mount is, or may be, the reason. */
  note(call: Call, refusal: Refusal): void;
  /** Unmounts the container of this call if it was remembered. Never throws. */
  mend(call: Call): Promise<void>;
}

/**
 * Matches Podman's message about a container that its storage counts as mounted although the mount
 * point is gone. Two processes may leave such a count behind. Every call fails like this until the
 * container is unmounted or removed. Source: containers/storage 1.43 `layers.go` (Mount).
 */
const STALE = /mounting storage for container \S+ lstat \S+: no such file or directory/;

/** Limits the memory for containers that no further call is about. */
const MAX_KNOWN = 1_000;

export function createStaleMounts(unmount: (container: string) => Promise<void>): StaleMounts {
  const known = new Set<string>();
  return {
    note: ({ method, path }, { status, message }) => {
      const container = containerOf(path);
      if (status !== 500 || container === undefined) return;
      // The answer to HEAD has no message.
      if (method !== 'HEAD' && !STALE.test(message)) return;
      known.add(container);
      const [oldest] = known;
      if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
    },
    mend: async ({ path }) => {
      const container = containerOf(path);
      if (container === undefined || !known.delete(container)) return;
      // The answer to the call itself shows whether unmounting has helped.
      await unmount(container).catch(() => undefined);
    },
  };
}

function containerOf(path: string): string | undefined {
  return /^\/containers\/([^/]+)\/(?:start|archive|attach)$/.exec(path)?.[1];
}
