import type { BuildContext } from '../domain/build/context.ts';
import { FailureType, FinalError, TransientError } from '../domain/failure.ts';
import type { LiveBuild } from './live-builds.ts';
import type { Ports } from './ports.ts';

/** So long an answer of Temporal is good for: well below the time after which a build is given away. */
const TRUST_MS = 20_000;
/**
 * While Temporal does not answer, the trace goes on for so long. A build is given away at the earliest
 * fifty seconds after its node was last heard of: thirty of a heartbeat, twenty of a question.
 */
const PATIENCE_MS = 40_000;

/** What this process knows of its claim to a build. */
export interface TenureState {
  /** When Temporal was last asked and said yes, by this node's clock. */
  confirmedAtMs: number;
  isLost: boolean;
  /** A build is not given away then before {@link Ports.nodeWaitMs} is over. */
  hasBegunScript: boolean;
}

export function openTenure(): TenureState {
  return { confirmedAtMs: Number.NEGATIVE_INFINITY, isLost: false, hasBegunScript: false };
}

/**
 * Whether this node may speak for the build. False for good once another node has it: this process
 * may have been frozen or cut off meanwhile. Throws TransientError when nobody can tell any more.
 */
export async function maySpeak(build: LiveBuild, ports: Ports): Promise<boolean> {
  const { tenure, context } = build;
  if (tenure.isLost) return false;
  const sinceMs = ports.clock.nowMs() - tenure.confirmedAtMs;
  if (isWithin(sinceMs, TRUST_MS)) return true;
  try {
    await ask(build, ports);
  } catch (error) {
    if (!(error instanceof TransientError)) throw error;
    const patienceMs = tenure.hasBegunScript
      ? Math.max(PATIENCE_MS, ports.nodeWaitMs)
      : PATIENCE_MS;
    if (!isWithin(ports.clock.nowMs() - tenure.confirmedAtMs, patienceMs)) throw error;
    ports.log.debug('Temporal not asked whose the build is', { job: context.job.id });
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
  tenure.confirmedAtMs = Number.NEGATIVE_INFINITY;
}

async function ask(build: LiveBuild, { clock, log, tenures }: Ports): Promise<void> {
  const { context, tenure } = build;
  const askedAtMs = clock.nowMs();
  if ((await tenures.confirm(context)) !== 'lost') {
    tenure.confirmedAtMs = askedAtMs;
    return;
  }
  log.warn('build was given to another node while this one did not answer', {
    job: context.job.id,
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

/** A clock that was set back says nothing. */
function isWithin(ageMs: number, limitMs: number): boolean {
  return ageMs >= 0 && ageMs < limitMs;
}

function lostTo({ buildId }: BuildContext): FinalError {
  return new FinalError(
    FailureType.RunnerSystem,
    `${buildId} was given to another node while this one did not answer`,
  );
}
