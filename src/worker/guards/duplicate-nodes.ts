import type { Clock, Log } from '../../ports/index.ts';
import { describeProcess } from '../../adapters/state/process-identity.ts';
import type { Poller } from '../../adapters/temporal/pollers.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { isOlder, parseProcessName } from '../../domain/runner/process-name.ts';

// Each node has a queue named after its state directory. After a machine is cloned or a directory
// is copied, two processes serve one node, and each would get half of the other's calls.

export interface DuplicateScope {
  readPollers(): Promise<readonly Poller[]>;
  /** Name of this process: see `formatProcessName`. */
  readonly identity: string;
  /** The last process that left this state directory properly. */
  readonly predecessor: string | undefined;
  readonly stateDir: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** A process polls at least once a minute. One that has not polled for longer is gone. */
const SILENCE_MS = 75_000;
const LOOK_PAUSE_MS = 2_000;
const WATCH_INTERVAL_MS = 20_000;

/**
 * Returns when no other process serves this node. If one may still be alive, this waits until it
 * polls or has been silent for too long. Throws RunnerSystem when there is one.
 */
export async function assertAlone(scope: DuplicateScope): Promise<void> {
  const { clock, log } = scope;
  const seen = new Map((await findStrangers(scope)).map((poller) => [poller.identity, poller]));
  for (;;) {
    const waiting = [...seen.values()].find(
      ({ lastPollMs }) => clock.nowMs() - lastPollMs < SILENCE_MS,
    );
    if (waiting === undefined) return;
    log.warn(
      'another process has served this node a moment ago: waiting until it is known whether it still does',
      {
        process: waiting.identity,
      },
    );
    await untilDecided(waiting, scope);
    seen.delete(waiting.identity);
  }
}

async function untilDecided(stranger: Poller, scope: DuplicateScope): Promise<void> {
  const { clock } = scope;
  // This is negative when this node's clock is behind Temporal's.
  const silentMs = Math.max(0, clock.nowMs() - stranger.lastPollMs);
  const endMs = clock.monotonicMs() + SILENCE_MS - silentMs;
  while (clock.monotonicMs() < endMs) {
    await clock.sleep(LOOK_PAUSE_MS);
    const duplicate = (await findStrangers(scope)).find((poller) => hasPolled(poller, stranger));
    if (duplicate !== undefined) throw duplicateFault(duplicate, scope);
  }
}

function hasPolled({ identity, lastPollMs }: Poller, before: Poller): boolean {
  return identity === before.identity && lastPollMs > before.lastPollMs;
}

/**
 * Finds other processes that may be alive. Leaves out those of this machine that have certainly
 * ended.
 */
async function findStrangers(scope: DuplicateScope): Promise<readonly Poller[]> {
  const pollers = await scope.readPollers();
  const strangers = await Promise.all(
    pollers.map(async (poller) => ((await isGone(poller, scope)) ? [] : [poller])),
  );
  return strangers.flat();
}

async function isGone({ identity }: Poller, scope: DuplicateScope): Promise<boolean> {
  if (identity === scope.identity || identity === scope.predecessor) return true;
  const [mine, other] = [scope.identity, identity].map(parseProcessName);
  if (mine === undefined || other === undefined || other.host !== mine.host) return false;
  if (other.boot !== undefined && other.boot !== mine.boot) return false;
  // A restarted container gives the new process the same pid as the old one.
  return other.pid === mine.pid || (await describeProcess(other.pid)) === 'ended';
}

export interface DuplicateWatch {
  /** Rejects when this process must leave the node to another one. */
  readonly whenDuplicate: Promise<never>;
  close(): void;
}

/**
 * Watches for another process of this node. Two processes that started at the same time have not
 * seen each other, and the younger one leaves.
 */
export function watchDuplicates(scope: DuplicateScope): DuplicateWatch {
  const { clock, log } = scope;
  const closing = new AbortController();
  const look = createLook(scope);
  const watch = async (): Promise<never> => {
    for (;;) {
      await clock.sleep(WATCH_INTERVAL_MS, closing.signal);
      await look().catch((error: unknown) => {
        if (error instanceof FinalError) throw error;
        log.debug('not known who else serves this node', { error });
      });
    }
  };
  const whenDuplicate = watch();
  // The callers get the error. Closing ends the watch too.
  whenDuplicate.catch(() => undefined);
  return {
    whenDuplicate,
    close: () => {
      closing.abort();
    },
  };
}

/**
 * Creates one look at the other processes. It throws when this process must leave, and logs once
 * when another one must.
 */
function createLook(scope: DuplicateScope): () => Promise<void> {
  const seen = new Map<string, Poller>();
  const reported = new Set<string>();
  return async () => {
    for (const poller of await findStrangers(scope)) {
      const { identity } = poller;
      const before = seen.get(identity) ?? poller;
      seen.set(identity, before);
      if (!hasPolled(poller, before) || reported.has(identity)) continue;
      if (!isOlder(scope.identity, identity)) throw duplicateFault(poller, scope);
      reported.add(identity);
      scope.log.error(describe(poller, scope));
    }
  };
}

function duplicateFault(duplicate: Poller, scope: DuplicateScope): FinalError {
  return new FinalError(FailureType.RunnerSystem, describe(duplicate, scope));
}

function describe({ identity }: Poller, { stateDir }: DuplicateScope): string {
  return (
    `another process, ${identity}, serves this very node: ${stateDir} is a copy of its state directory, ` +
    'or shared with it. Stop one of the two; a clone begins with an empty state directory and ' +
    'without .runner_system_id'
  );
}
