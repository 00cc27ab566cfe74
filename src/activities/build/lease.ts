import type { BuildContext } from '../../domain/context/context.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import type { LiveBuild } from './live-builds.ts';
import type { Clock, Ports } from '../../ports/index.ts';
import { NEVER, type LeaseState } from './lease-state.ts';

/** So long an answer of Temporal is good for: well below the time after which a build is given away. */
const TRUST_MS = 20_000;
/**
 * While Temporal does not answer, the trace goes on for so long. A build is given away at the earliest
 * fifty seconds after its node was last heard of: thirty of a heartbeat, twenty of a question.
 */
const PATIENCE_MS = 40_000;

/**
 * Whether this node may speak for the build. False for good once another node has it: this process
 * may have been frozen or cut off meanwhile. Throws TransientError when nobody can tell any more.
 */
export async function holdsLease(build: LiveBuild, ports: Ports): Promise<boolean> {
  const { lease, context } = build;
  if (lease.isLost) return false;
  if (ageMs(lease, ports.clock) < TRUST_MS) return true;
  try {
    await ask(build, ports);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    const patienceMs = lease.hasBegunScript ? Math.max(PATIENCE_MS, ports.nodeWaitMs) : PATIENCE_MS;
    if (ageMs(lease, ports.clock) >= patienceMs) throw error;
    ports.log.debug('Temporal not asked whose the build is', jobFields(context));
  }
  return !lease.isLost;
}

/** Asks in any case: what is to be started must not be somebody else's. Throws when it is. */
export async function assertLease(build: LiveBuild, ports: Ports): Promise<void> {
  if (!build.lease.isLost) await ask(build, ports);
  if (build.lease.isLost) throw lostTo(build.context);
}

/** Somebody else has written to the job: what was true before may not be any more. */
export function doubtLease({ lease }: LiveBuild): void {
  lease.confirmedAt = NEVER;
}

async function ask(build: LiveBuild, { clock, log, leases }: Ports): Promise<void> {
  const { context, lease } = build;
  const askedAt = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  if ((await leases.confirm(context)) !== 'lost') {
    lease.confirmedAt = askedAt;
    return;
  }
  log.warn('build was given to another node while this one did not answer', {
    ...jobFields(context),
    build: context.buildId,
  });
  loseLease(build);
}

/** From here on nothing of the build is begun or said by this process. */
export function loseLease(build: LiveBuild): void {
  build.lease.isLost = true;
  build.preparation.abort();
  build.finished.abort();
  build.stage?.stopping.abort();
}

/**
 * By the clock that makes it longer: the one that only grows stands still while the machine sleeps, the
 * other may be set back. Infinite when it was, by more than has passed.
 */
function ageMs({ confirmedAt }: LeaseState, clock: Clock): number {
  const calendarMs = clock.nowMs() - confirmedAt.nowMs;
  return calendarMs < 0
    ? Infinity
    : Math.max(calendarMs, clock.monotonicMs() - confirmedAt.monotonicMs);
}

function lostTo({ buildId }: BuildContext): FinalError {
  return new FinalError(
    FailureType.RunnerSystem,
    `${buildId} was given to another node while this one did not answer`,
  );
}
