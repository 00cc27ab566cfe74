import type { CapacityPermit, NodeCapacity, RunnerLimit } from '../../ports/index.ts';

/**
 * The node's capacity, with methods for resizing it and for builds that are found after a crash.
 */
export interface ResizableCapacity extends NodeCapacity {
  resize(concurrent: number): void;
  /** Gives out no slot until `unpause` was called for each reason. Builds with a slot keep it. */
  pause(reason: string): void;
  unpause(reason: string): void;
  /** Gives out no slot to the runners with these keys, until it is called without them. */
  pauseRunners(keys: readonly string[]): void;
  /**
   * Reserves a slot for a build recorded on this node, before its job is known to anybody else.
   */
  hold(buildId: string, runnerKey: string): void;
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
  /** Whether a free slot is of use to it. */
  readonly isDue: () => boolean;
  /** Called once, when a slot is free: it occupies the slot, or only learns of it. */
  readonly serve: () => void;
}

/** The SDK recognises an aborted wait by this name. */
class AbortError extends Error {
  override readonly name = 'AbortError';
}

/** Waiting callers, in the order of their arrival. */
function createQueue(hasFree: () => boolean) {
  const waiters = new Set<Waiter>();
  const serve = (): void => {
    for (const waiter of waiters) {
      if (!hasFree()) return;
      if (!waiter.isDue()) continue;
      waiters.delete(waiter);
      waiter.serve();
    }
  };
  const wait = ({ isDue, serve: take }: Waiter, signal: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new AbortError('no longer waiting for capacity'));
      const onAbort = (): void => {
        waiters.delete(waiter);
        reject(new AbortError('no longer waiting for capacity'));
      };
      const waiter: Waiter = {
        isDue,
        serve: () => {
          take();
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

interface OpenJobRequest {
  readonly runnerKey: string | undefined;
  /** True: others may use its slot. */
  isLent: boolean;
}

interface PermitEvents {
  end(): void;
  keep(buildId: string, runnerKey: string): void;
  onChange(): void;
}

function createPermit(
  request: OpenJobRequest,
  { end, keep, onChange }: PermitEvents,
): CapacityPermit {
  let isHeld = true;
  return {
    lend: () => {
      if (!isHeld || request.isLent) return;
      request.isLent = true;
      onChange();
    },
    keepFor: (buildId, runnerKey) => {
      isHeld = false;
      end();
      keep(buildId, runnerKey);
      onChange();
    },
    release: () => {
      if (!isHeld) return;
      isHeld = false;
      end();
      onChange();
    },
  };
}

/** The active builds, with the key of each one's runner, and the requests that may bring more. */
function createUsers() {
  const builds = new Map<string, string>();
  const requests = new Set<OpenJobRequest>();
  let pausedRunners: readonly string[] = [];
  /** Whether one more request of the runner is within its limit, even if all bring a job. */
  const isWithin = ({ runnerKey, limit }: RunnerLimit): boolean => {
    if (limit === 0) return true;
    const ofBuilds = [...builds.values()].filter((key) => key === runnerKey);
    const ofRequests = [...requests].filter((request) => request.runnerKey === runnerKey);
    return ofBuilds.length + ofRequests.length < limit;
  };
  return {
    builds,
    requests,
    /** How many slots are taken. A lent one is not. */
    taken: () => builds.size + [...requests].filter(({ isLent }) => !isLent).length,
    isWithin,
    mayEnter: (limit: RunnerLimit | undefined): boolean =>
      limit === undefined || (!pausedRunners.includes(limit.runnerKey) && isWithin(limit)),
    hold: (buildId: string, runnerKey: string): void => void builds.set(buildId, runnerKey),
    pauseRunners: (keys: readonly string[]): void => {
      pausedRunners = keys;
    },
  };
}

/**
 * Invariant: active builds + requests that have not lent their slot ≤ `concurrent`. Exceptions:
 * just after `concurrent` was reduced, or when a request that lent its slot brings a job. Nothing
 * new begins then until enough builds have ended.
 *
 * Invariant: no request is let in that could bring a build above the limit of its runner.
 */
export function createNodeCapacity(initial: number): ResizableCapacity {
  let concurrent = initial;
  const pauses = new Set<string>();
  const { builds, requests, taken, isWithin, mayEnter, hold, pauseRunners } = createUsers();
  const idle = createIdleWait(() => builds.size + requests.size === 0);
  const hasFree = (): boolean => pauses.size === 0 && taken() < concurrent;
  const queue = createQueue(hasFree);

  const permit = (request: OpenJobRequest): CapacityPermit =>
    createPermit(request, {
      end: () => void requests.delete(request),
      keep: hold,
      // Even `keepFor` may free a slot, namely when its build already has one.
      onChange: () => {
        queue.serve();
        idle.check();
      },
    });

  return {
    acquire: async (signal, limit) => {
      const request: OpenJobRequest = { runnerKey: limit?.runnerKey, isLent: false };
      const isDue = (): boolean => mayEnter(limit);
      await queue.wait({ isDue, serve: () => void requests.add(request) }, signal);
      return permit(request);
    },
    isWithin,
    whenFree: (signal) => queue.wait({ isDue: () => true, serve: () => undefined }, signal),
    hasFree,
    whenIdle: idle.whenIdle,
    hold,
    free: (buildId) => {
      builds.delete(buildId);
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
    pauseRunners: (keys) => {
      pauseRunners(keys);
      queue.serve();
    },
    get pauses() {
      return [...pauses];
    },
    get concurrent() {
      return concurrent;
    },
    get buildsAlive() {
      return builds.size;
    },
    get requestsInFlight() {
      return requests.size;
    },
  };
}
