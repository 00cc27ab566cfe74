import type { Refusal } from './faults.ts';

interface Call {
  readonly method: string;
  readonly path: string;
}

/** Containers that Podman calls mounted although they are not. */
export interface StaleMounts {
  /** Remembers the container of a refused call if its mount is, or may be, such a one. */
  note(call: Call, refusal: Refusal): void;
  /** Has the container of this call unmounted if it was remembered. Never throws. */
  mend(call: Call): Promise<void>;
}

/**
 * Podman's words for a container that its storage has a mount of, while the mount point is gone. It
 * says so each time, until the container is unmounted or removed. Source: containers/storage 1.43
 * `layers.go` (Mount), whose count of mounts two processes may leave behind.
 */
const STALE = /mounting storage for container \S+ lstat \S+: no such file or directory/;

/** Limits the memory for containers that nothing is asked of again. */
const MAX_KNOWN = 1_000;

export function createStaleMounts(unmount: (container: string) => Promise<void>): StaleMounts {
  const known = new Set<string>();
  return {
    note: ({ method, path }, { status, message }) => {
      const container = containerOf(path);
      if (status !== 500 || container === undefined) return;
      // The answer to HEAD has no words.
      if (method !== 'HEAD' && !STALE.test(message)) return;
      known.add(container);
      const [oldest] = known;
      if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
    },
    mend: async ({ path }) => {
      const container = containerOf(path);
      if (container === undefined || !known.delete(container)) return;
      // The answer to the call itself tells whether this has helped.
      await unmount(container).catch(() => undefined);
    },
  };
}

function containerOf(path: string): string | undefined {
  return /^\/containers\/([^/]+)\/(?:start|archive|attach)$/.exec(path)?.[1];
}
