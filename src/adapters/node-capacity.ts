import type { CapacityPermit, NodeCapacity } from '../activities/ports.ts';

/** The node's capacity with its other side: resizing, and the builds found again after a crash. */
export interface ResizableCapacity extends NodeCapacity {
  resize(concurrent: number): void;
  /** No place is given away until `unpause`; builds that have one keep it. */
  pause(): void;
  unpause(): void;
  /** A build recorded on this node holds a place, from before its job is known to anybody else. */
  hold(buildId: string): void;
  readonly concurrent: number;
  readonly buildsAlive: number;
  readonly requestsInFlight: number;
  /** Resolves when at least one place is free; takes none. */
  whenFree(signal: AbortSignal): Promise<void>;
  hasFree(): boolean;
  /** Resolves when no build is alive and no question is under way. */
  whenIdle(): Promise<void>;
}

interface Waiter {
  readonly serve: () => void;
  /** Whether it uses up a place, or only wants to know of one. */
  readonly takes: boolean;
}

/** By its name the SDK tells a wait that was called off from one that failed. */
class AbortError extends Error {
  override readonly name = 'AbortError';
}

/** Those who wait, in the order in which they came. */
function createQueue({ hasFree, take }: { hasFree: () => boolean; take: () => void }) {
  const waiters = new Set<Waiter>();
  const serve = (): void => {
    for (const waiter of waiters) {
      if (!hasFree()) return;
      waiters.delete(waiter);
      if (waiter.takes) take();
      waiter.serve();
    }
  };
  const wait = (takes: boolean, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new AbortError('no longer waiting for capacity'));
      const onAbort = (): void => {
        waiters.delete(waiter);
        reject(new AbortError('no longer waiting for capacity'));
      };
      const waiter: Waiter = {
        takes,
        serve: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      waiters.add(waiter);
      serve();
    });
  return { serve, wait };
}

/** For those who wait until nothing is going on. */
function createIdleBell(isIdle: () => boolean) {
  const waiters = new Set<() => void>();
  const ring = (): void => {
    if (!isIdle()) return;
    for (const resolve of waiters) resolve();
    waiters.clear();
  };
  const whenIdle = (): Promise<void> =>
    new Promise((resolve) => {
      waiters.add(resolve);
      ring();
    });
  return { ring, whenIdle };
}

/**
 * Invariant: builds alive + requests in flight ≤ `concurrent`, except just after `concurrent` was
 * made smaller: then nothing new begins until enough builds have ended.
 */
export function createNodeCapacity(initial: number): ResizableCapacity {
  let concurrent = initial;
  let inFlight = 0;
  let isPaused = false;
  const alive = new Set<string>();
  const idle = createIdleBell(() => alive.size + inFlight === 0);
  const hasFree = (): boolean => !isPaused && alive.size + inFlight < concurrent;
  const queue = createQueue({ hasFree, take: () => (inFlight += 1) });

  const permit = (): CapacityPermit => {
    let isHeld = true;
    return {
      keepFor: (buildId) => {
        if (isHeld) inFlight -= 1;
        isHeld = false;
        alive.add(buildId);
        // A build that was held already has given one of its two places back.
        queue.serve();
      },
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        inFlight -= 1;
        queue.serve();
        idle.ring();
      },
    };
  };

  return {
    acquire: async (signal) => {
      await queue.wait(true, signal);
      return permit();
    },
    whenFree: (signal) => queue.wait(false, signal),
    hasFree,
    whenIdle: idle.whenIdle,
    hold: (buildId) => void alive.add(buildId),
    free: (buildId) => {
      alive.delete(buildId);
      queue.serve();
      idle.ring();
    },
    resize: (next) => {
      concurrent = next;
      queue.serve();
    },
    pause: () => void (isPaused = true),
    unpause: () => {
      isPaused = false;
      queue.serve();
    },
    get concurrent() {
      return concurrent;
    },
    get buildsAlive() {
      return alive.size;
    },
    get requestsInFlight() {
      return inFlight;
    },
  };
}
