import type { CapacityPermit, NodeCapacity } from '../../ports/index.ts';

/**
 * The node's capacity, with methods for resizing it and for builds that are found after a crash.
 */
export interface ResizableCapacity extends NodeCapacity {
  resize(concurrent: number): void;
  /** Gives out no slot until `unpause` was called for each reason. Builds with a slot keep it. */
  pause(reason: string): void;
  unpause(reason: string): void;
  /**
   * Reserves a slot for a build recorded on this node, before its job is known to anybody else.
   */
  hold(buildId: string): void;
  /** The reasons why no slot is given out. */
  readonly pauses: readonly string[];
  readonly concurrent: number;
  readonly buildsAlive: number;
  readonly requestsInFlight: number;
  /** Resolves when at least one slot is free. Reserves none. */
  whenFree(signal: AbortSignal): Promise<void>;
  hasFree(): boolean;
  /** Resolves when no build and no job request is active. */
  whenIdle(): Promise<void>;
}

interface Waiter {
  readonly serve: () => void;
  /** True: it occupies a slot. False: it only waits for a free one. */
  readonly takes: boolean;
}

/** The SDK recognises an aborted wait by this name. */
class AbortError extends Error {
  override readonly name = 'AbortError';
}

/** Waiting callers, in the order of their arrival. */
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

/** Creates the list of callers that wait until nothing is active. */
function createIdleWait(isIdle: () => boolean) {
  const waiters = new Set<() => void>();
  const check = (): void => {
    if (!isIdle()) return;
    for (const resolve of waiters) resolve();
    waiters.clear();
  };
  const whenIdle = (): Promise<void> =>
    new Promise((resolve) => {
      waiters.add(resolve);
      check();
    });
  return { check, whenIdle };
}

interface OpenJobRequests {
  inFlight: number;
  /** The number of requests that have lent their slot. */
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
 * Invariant: active builds + requests that have not lent their slot ≤ `concurrent`. Exceptions:
 * just after `concurrent` was reduced, or when a request that lent its slot brings a job. Nothing
 * new begins then until enough builds have ended.
 */
export function createNodeCapacity(initial: number): ResizableCapacity {
  let concurrent = initial;
  const jobRequests: OpenJobRequests = { inFlight: 0, lent: 0 };
  const pauses = new Set<string>();
  const alive = new Set<string>();
  const idle = createIdleWait(() => alive.size + jobRequests.inFlight === 0);
  const hasFree = (): boolean =>
    pauses.size === 0 && alive.size + jobRequests.inFlight - jobRequests.lent < concurrent;
  const queue = createQueue({ hasFree, take: () => (jobRequests.inFlight += 1) });

  const permit = (): CapacityPermit =>
    createPermit(jobRequests, {
      keep: (buildId) => void alive.add(buildId),
      // Even `keepFor` may free a slot, namely when its build already has one.
      onChange: () => {
        queue.serve();
        idle.check();
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
      idle.check();
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
    get pauses() {
      return [...pauses];
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
