import type { Log } from '../../ports/index.ts';
import type { Workflows } from '../../ports/workflows.ts';
import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import { feedRunnersId } from '../../workflows/messages.ts';
import { oneAtATime } from '../recovery/one-at-a-time.ts';
import { lookEvery } from './repeated-look.ts';

const LOOK_MS = 5_000;
const PAUSE_REASON = 'drained';

export interface DrainWatch {
  readonly installation: string;
  readonly workflows: Pick<Workflows, 'describe'>;
  readonly capacity: Pick<ResizableCapacity, 'pause' | 'unpause'>;
  readonly log: Log;
}

/**
 * Pauses job requests while the node is drained. A node also executes the requests of other nodes'
 * runners, which their own workflows feed. The memo of feedRunners tells of the drain, because
 * Temporal itself knows it, also before a worker of this node runs. The last answer counts while
 * Temporal is away. Returns a function that stops watching.
 */
export async function watchDrain(watch: DrainWatch): Promise<() => Promise<void>> {
  const { installation, workflows, capacity, log } = watch;
  let wasDrained = false;
  const look = async (): Promise<void> => {
    const feeder = await workflows.describe(feedRunnersId(installation));
    // A drain ends with its workflow, by `stop`.
    const isDrained = feeder?.status === 'running' && feeder.memo?.['isDraining'] === true;
    if (isDrained === wasDrained) return;
    wasDrained = isDrained;
    if (isDrained) capacity.pause(PAUSE_REASON);
    else capacity.unpause(PAUSE_REASON);
    log.info(isDrained ? 'drained, this node takes no job' : 'resumed, this node takes jobs');
  };
  const lookQuietly = oneAtATime(() =>
    look().catch((error: unknown) => {
      log.debug('not known whether the node is drained', { error });
    }),
  );
  await lookQuietly();
  return lookEvery(LOOK_MS, lookQuietly);
}
