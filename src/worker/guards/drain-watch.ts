import type { Log } from '../../ports/index.ts';
import type { WorkflowDescription, Workflows } from '../../ports/workflows.ts';
import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import { openStandingNote } from '../../adapters/state/standing-note.ts';
import {
  hasSamePauses,
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
  /** The note of what is in force, for a feedRunners that is begun after a loss. */
  readonly standingFile: string;
  readonly log: Log;
}

export interface WatchedStanding {
  /** Asks Temporal what is in force. Rejects when it does not answer. */
  read(): Promise<Standing>;
  /** Stops watching. */
  close(): Promise<void>;
}

/**
 * Pauses job requests while the node is drained, and those of single runners while they are paused.
 * A node also executes the requests of other nodes' runners, which their own workflows feed. The
 * memo of feedRunners tells of a drain and of pauses, because Temporal itself knows it, also before
 * a worker of this node runs. The last answer counts while Temporal is away, and when feedRunners
 * is lost.
 */
export async function watchDrain(watch: DrainWatch): Promise<WatchedStanding> {
  const { installation, workflows, capacity, standingFile, log } = watch;
  const note = await openStandingNote(standingFile, log);
  let standing = UNRESTRICTED;
  const adopt = (next: Standing): void => {
    const { paused } = next;
    if (!hasSamePauses(next, standing)) {
      capacity.pauseRunners(paused);
      log.info('paused runners changed, this node takes no job of them', { paused });
    }
    standing = next;
    note.replace(standing);
  };
  const read = async (): Promise<Standing> => {
    const feeder = await workflows.describe(feedRunnersId(installation));
    adopt(standingOf(feeder, standing));
    return standing;
  };
  adopt(note.found);
  const stop = await pauseWhile(capacity, {
    reason: 'drained',
    initial: whyPaused(standing),
    intervalMs: LOOK_MS,
    look: async () => whyPaused(await read()),
    tell: (why) =>
      log.info(
        why === undefined ? 'resumed, this node takes jobs' : 'drained, this node takes no job',
      ),
    onFault: (error) => log.debug('not known whether the node is drained', { error }),
  });
  return {
    read,
    close: async () => {
      await stop();
      await note.written();
    },
  };
}

function whyPaused({ isDraining }: Standing): string | undefined {
  return isDraining ? 'drained' : undefined;
}

/** A feedRunners that is lost is begun again with what was in force. A drain ends by `stop`. */
function standingOf(feeder: WorkflowDescription | undefined, known: Standing): Standing {
  if (feeder?.status === 'running') return parseStanding(feeder.memo);
  return feeder?.status === 'completed' ? UNRESTRICTED : known;
}
