import type { FakeGitLab } from '../../test/support/fake-gitlab/index.ts';
import {
  endOrphanedTemporal,
  removeFromDocker,
  whenNothingLeft,
  type Place,
} from '../../test/support/leftovers.ts';
import type { WorkerProcess } from './processes.ts';

const LIMIT_MS = 10_000;
const FINAL_STATES: readonly string[] = ['success', 'failed', 'canceled'];

export interface Demonstration {
  readonly gitlab: FakeGitLab;
  readonly worker: WorkerProcess;
  readonly place: Place;
}

/**
 * Ends the jobs first and then the worker, because a worker that is stopped leaves its builds
 * running.
 */
export async function endInGoodOrder({ gitlab, worker, place }: Demonstration): Promise<void> {
  try {
    const unfinished = gitlab.jobs.filter(({ state }) => !FINAL_STATES.includes(state));
    for (const job of unfinished) job.cancel();
    await Promise.all(unfinished.map((job) => job.whenFinished(LIMIT_MS)));
    await whenNothingLeft(place, LIMIT_MS);
  } catch {
    // The worker may have been killed, as the quickstart proposes. It is then ended by force.
  }
  await worker.stop();
  await endOrphanedTemporal(place.stateDir);
  await removeFromDocker(place);
}
