import type { Log } from '../../ports/index.ts';
import type { Workflows } from '../../ports/workflows.ts';
import { feedRunnersId } from '../../workflows/messages.ts';
import { pauseWhile, type PausableCapacity } from './pause-while.ts';

const LOOK_MS = 5_000;

export interface DrainWatch {
  readonly installation: string;
  readonly workflows: Pick<Workflows, 'describe'>;
  readonly capacity: PausableCapacity;
  readonly log: Log;
}

/**
 * Pauses job requests while the node is drained. A node also executes the requests of other nodes'
 * runners, which their own workflows feed. The memo of feedRunners tells of the drain, because
 * Temporal itself knows it, also before a worker of this node runs. The last answer counts while
 * Temporal is away. Returns a function that stops watching.
 */
export function watchDrain(watch: DrainWatch): Promise<() => Promise<void>> {
  const { installation, workflows, capacity, log } = watch;
  return pauseWhile(capacity, {
    reason: 'drained',
    intervalMs: LOOK_MS,
    look: async () => {
      const feeder = await workflows.describe(feedRunnersId(installation));
      // A drain ends with its workflow, by `stop`.
      const isDrained = feeder?.status === 'running' && feeder.memo?.['isDraining'] === true;
      return isDrained ? 'drained' : undefined;
    },
    tell: (why) =>
      log.info(
        why === undefined ? 'resumed, this node takes jobs' : 'drained, this node takes no job',
      ),
    onFault: (error) => log.debug('not known whether the node is drained', { error }),
  });
}
