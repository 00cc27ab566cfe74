import type { BuildContext } from '../domain/build/context.ts';
import { jobFields } from '../domain/build/job-fields.ts';
import { FailureType, FinalError, TransientError } from '../domain/failure.ts';
import type { LiveBuild } from './live-builds.ts';
import type { Clock, Ports } from './ports.ts';
import { NEVER, type TenureState } from './tenure-state.ts';

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
export async function maySpeak(build: LiveBuild, ports: Ports): Promise<boolean> {
  const { tenure, context } = build;
  if (tenure.isLost) return false;
  if (ageMs(tenure, ports.clock) < TRUST_MS) return true;
  try {
    await ask(build, ports);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    const patienceMs = tenure.hasBegunScript
      ? Math.max(PATIENCE_MS, ports.nodeWaitMs)
      : PATIENCE_MS;
    if (ageMs(tenure, ports.clock) >= patienceMs) throw error;
    ports.log.debug('Temporal not asked whose the build is', jobFields(context));
  }
  return !tenure.isLost;
}

/** Asks in any case: what is to be started must not be somebody else's. Throws when it is. */
export async function assertTenure(build: LiveBuild, ports: Ports): Promise<void> {
  if (!build.tenure.isLost) await ask(build, ports);
  if (build.tenure.isLost) throw lostTo(build.context);
}

/** Somebody else has written to the job: what was true before may not be any more. */
export function doubtTenure({ tenure }: LiveBuild): void {
  tenure.confirmedAt = NEVER;
}

async function ask(build: LiveBuild, { clock, log, tenures }: Ports): Promise<void> {
  const { context, tenure } = build;
  const askedAt = { nowMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  if ((await tenures.confirm(context)) !== 'lost') {
    tenure.confirmedAt = askedAt;
    return;
  }
  log.warn('build was given to another node while this one did not answer', {
    ...jobFields(context),
    build: context.buildId,
  });
  letGo(build);
}

/** From here on nothing of the build is begun or said by this process. */
export function letGo(build: LiveBuild): void {
  build.tenure.isLost = true;
  build.preparation.abort();
  build.sealed.abort();
  build.stage?.stopping.abort();
}

/**
 * By the clock that makes it longer: the one that only grows stands still while the machine sleeps, the
 * other may be set back. Infinite when it was, by more than has passed.
 */
function ageMs({ confirmedAt }: TenureState, clock: Clock): number {
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
