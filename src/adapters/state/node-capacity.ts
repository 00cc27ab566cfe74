import type { CapacityPermit, NodeCapacity } from '../../ports/index.ts';

/** The node's capacity with its other side: resizing, and the builds found again after a crash. */
export interface ResizableCapacity extends NodeCapacity {
  resize(concurrent: number): void;
  /** No place is given away until `unpause` for each reason; builds that have one keep it. */
  pause(reason: string): void;
  unpause(reason: string): void;
  /** A build recorded on this node holds a place, from before its job is known to anybody else. */
  hold(buildId: string): void;
  readonly concurrent: number;
  readonly buildsAlive: number;
  readonly requestsInFlight: number;
  /** Resolves when at least one place is free; takes none. */
  whenFree(signal: AbortSignal): Promise<void>;
  hasFree(): boolean;
  /** Resolves when no build is alive and no job request is under way. */
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

interface OpenJobRequests {
  inFlight: number;
  /** Of these, whose place others may have. */
  lent: number;
}

interface PermitEvents {
  keep(buildId: string): void;
  onChange(): void;
}

function createPermit(
  jobRequests: OpenJobRequests,
  { keep, onChange }: PermitEvents,
): CapacityPermit {
  let isHeld = true;
  let isLent = false;
  const end = (): void => {
    if (isHeld) jobRequests.inFlight -= 1;
    if (isLent) jobRequests.lent -= 1;
    isHeld = isLent = false;
  };
  return {
    lend: () => {
      if (!isHeld || isLent) return;
      isLent = true;
      jobRequests.lent += 1;
      onChange();
    },
    keepFor: (buildId) => {
      end();
      keep(buildId);
      onChange();
    },
    release: () => {
      if (!isHeld) return;
      end();
      onChange();
    },
  };
}

/**
 * Invariant: builds alive + requests in flight whose place is not lent ≤ `concurrent`, except just
 * after `concurrent` was made smaller, or after a job came of a request whose place somebody else had
 * by then: nothing new begins until enough builds have ended.
 */
export function createNodeCapacity(initial: number): ResizableCapacity {
  let concurrent = initial;
  const jobRequests: OpenJobRequests = { inFlight: 0, lent: 0 };
  const pauses = new Set<string>();
  const alive = new Set<string>();
  const idle = createIdleBell(() => alive.size + jobRequests.inFlight === 0);
  const hasFree = (): boolean =>
    pauses.size === 0 && alive.size + jobRequests.inFlight - jobRequests.lent < concurrent;
  const queue = createQueue({ hasFree, take: () => (jobRequests.inFlight += 1) });

  const permit = (): CapacityPermit =>
    createPermit(jobRequests, {
      keep: (buildId) => void alive.add(buildId),
      // A build that was held already has given one of its two places back.
      onChange: () => {
        queue.serve();
        idle.ring();
      },
    });

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
    pause: (reason) => void pauses.add(reason),
    unpause: (reason) => {
      pauses.delete(reason);
      queue.serve();
    },
    get concurrent() {
      return concurrent;
    },
    get buildsAlive() {
      return alive.size;
    },
    get requestsInFlight() {
      return jobRequests.inFlight;
    },
  };
}
