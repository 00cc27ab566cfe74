import type { BuildContext } from '../../domain/context/context.ts';
import { jobFields } from '../../domain/build/job-fields.ts';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import type { LiveBuild } from './live-builds.ts';
import type { Clock, Ports } from '../../ports/index.ts';
import { NEVER, type LeaseState } from './lease-state.ts';

/** How long a confirmation is valid. It is well below the time after which a build may move. */
const TRUST_MS = 20_000;
/**
 * How long the trace continues while Temporal does not answer. A build moves at the earliest fifty
 * seconds after its node's last sign of life: thirty for a heartbeat, twenty for a call.
 */
const PATIENCE_MS = 40_000;

/** What it takes to ask Temporal which node has a build. */
export type ConfirmPorts = Pick<Ports, 'clock' | 'leases' | 'log'>;

/** What it takes to act as the holder of a lease. */
export type LeasePorts = ConfirmPorts & Pick<Ports, 'nodeWaitMs'>;

/**
 * Whether this node may act for the build. Once another node has the build, this stays false,
 * because this process may have been frozen or disconnected meanwhile. Throws TransientError when
 * the lease can no longer be confirmed.
 */
export async function holdsLease(build: LiveBuild, ports: LeasePorts): Promise<boolean> {
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

/**
 * Throws when another node has the build. Always asks Temporal, because what is about to start must
 * not belong to another node.
 */
export async function assertLease(build: LiveBuild, ports: ConfirmPorts): Promise<void> {
  if (!build.lease.isLost) await ask(build, ports);
  if (build.lease.isLost) throw lostTo(build.context);
}

/** Makes the next check ask Temporal again, because somebody else has written to the job. */
export function doubtLease({ lease }: LiveBuild): void {
  lease.confirmedAt = NEVER;
}

async function ask(build: LiveBuild, { clock, log, leases }: ConfirmPorts): Promise<void> {
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

/**
 * Records that another node has the build. This process no longer starts or reports anything for
 * it.
 */
export function loseLease(build: LiveBuild): void {
  build.lease.isLost = true;
  build.closing.abort();
  build.finished.abort();
  build.stage?.stopping.abort();
}

/**
 * Returns the age of the confirmation, by the clock that measures more: the monotonic clock stops
 * while the machine sleeps, and the wall clock may be set back. Infinity when the wall clock was
 * set back further than the elapsed time.
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
