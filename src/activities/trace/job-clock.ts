import type { BuildContext } from '../../domain/context/context.ts';
import { stageKey, startNote } from '../build/container-stage.ts';
import type { BuildActivities, StageTry, UploadOptions } from '../contract.ts';
import type { LiveBuilds } from '../build/live-builds.ts';
import type { Clock, Ports } from '../../ports/index.ts';

// Temporal's timers use the clock of its machine, which may be set or wake up from sleep. The node
// measures with a monotonic clock. It is asked when a timer fires early, and `uploadTrace` ends the
// job when a timer fires late.

/** The node ends the job only this much later, because Temporal's own timer is preferred. */
const GRACE_MS = 3_000;

type ClockPorts = Pick<Ports, 'builds' | 'clock'>;

export function createJobClockActivities(
  ports: ClockPorts,
  live: LiveBuilds,
): Pick<BuildActivities, 'timeLeft'> {
  return {
    timeLeft: async ({ buildId }, limitMs, stage) => {
      const build = await live.find(buildId);
      if (build === undefined) return 0;
      const sinceMs = await findBeginning(build.context, stage, ports);
      return timeLeft(sinceMs, limitMs, ports.clock);
    },
  };
}

async function findBeginning(
  { buildId, receivedMonotonicMs }: BuildContext,
  stage: StageTry | undefined,
  ports: ClockPorts,
): Promise<number | undefined> {
  if (stage === undefined) return receivedMonotonicMs;
  return (await startNote(stageKey(stage)).read(buildId, ports))?.sinceMs;
}

function timeLeft(
  sinceMs: number | undefined,
  limitMs: number,
  clock: Pick<Clock, 'monotonicMs'>,
): number {
  const nowMs = clock.monotonicMs();
  if (sinceMs === undefined || sinceMs > nowMs) return 0;
  return Math.max(0, limitMs - (nowMs - sinceMs));
}

/**
 * Starts to count. Returns the function that tells the milliseconds until the job is overdue;
 * Infinity when it never is.
 */
export function startDueTime(
  { jobTimeoutMs }: UploadOptions,
  clock: Pick<Clock, 'monotonicMs'>,
): () => number {
  if (jobTimeoutMs === undefined) return () => Infinity;
  const dueMs = clock.monotonicMs() + jobTimeoutMs + GRACE_MS;
  return () => Math.max(0, dueMs - clock.monotonicMs());
}
