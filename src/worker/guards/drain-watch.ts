import type { Log } from '../../ports/index.ts';
import type { Workflows } from '../../ports/workflows.ts';
import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import {
  isSameStanding,
  parseStanding,
  UNRESTRICTED,
  type Standing,
} from '../../domain/runner/fleet.ts';
import { feedRunnersId } from '../../workflows/messages.ts';
import { pauseWhile, type PausableCapacity } from './pause-while.ts';

const LOOK_MS = 5_000;

export interface DrainWatch {
  readonly installation: string;
  readonly workflows: Pick<Workflows, 'describe'>;
  readonly capacity: PausableCapacity & Pick<ResizableCapacity, 'pauseRunners'>;
  readonly log: Log;
}

/**
 * Pauses job requests while the node is drained, and those of single runners while they are paused.
 * A node also executes the requests of other nodes' runners, which their own workflows feed. The
 * memo of feedRunners tells of a drain and of pauses, because Temporal itself knows it, also before
 * a worker of this node runs. The last answer counts while Temporal is away. Returns a function
 * that stops watching.
 */
export function watchDrain(watch: DrainWatch): Promise<() => Promise<void>> {
  const { installation, workflows, capacity, log } = watch;
  let standing = UNRESTRICTED;
  const adopt = (next: Standing): void => {
    const { paused } = next;
    if (!isSameStanding({ ...standing, paused }, standing)) {
      capacity.pauseRunners(paused);
      log.info('paused runners changed, this node takes no job of them', { paused });
    }
    standing = next;
  };
  return pauseWhile(capacity, {
    reason: 'drained',
    intervalMs: LOOK_MS,
    look: async () => {
      const feeder = await workflows.describe(feedRunnersId(installation));
      // A drain and pauses end with their workflow, by `stop`.
      adopt(feeder?.status === 'running' ? parseStanding(feeder.memo) : UNRESTRICTED);
      return standing.isDraining ? 'drained' : undefined;
    },
    tell: (why) =>
      log.info(
        why === undefined ? 'resumed, this node takes jobs' : 'drained, this node takes no job',
      ),
    onFault: (error) => log.debug('not known whether the node is drained', { error }),
  });
}
