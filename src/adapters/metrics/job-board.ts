import type { BuildContext } from '../../domain/context/context.ts';
import type { ExecutorStage, JobRuntimeState } from '../../domain/metrics/job-state.ts';

/** A build of this node as it is now. */
export interface BoardEntry {
  readonly context: BuildContext;
  readonly state: JobRuntimeState;
  readonly stage: string;
  readonly executorStage: ExecutorStage;
  /** Bytes of its log that GitLab does not have. */
  readonly lagBytes: number;
  /** Since when there are some; undefined while there are none. */
  readonly lagSinceMs: number | undefined;
}

/** The builds of this node, by what its activities were seen to do for them. */
export interface JobBoard {
  read(buildId: string): BoardEntry | undefined;
  change(context: BuildContext, change: Partial<Omit<BoardEntry, 'context'>>): void;
  remove(buildId: string): void;
  list(): readonly BoardEntry[];
}

export function createJobBoard(): JobBoard {
  const entries = new Map<string, BoardEntry>();
  return {
    read: (buildId) => entries.get(buildId),
    change: (context, change) => {
      const known = entries.get(context.buildId) ?? NEW_ENTRY;
      entries.set(context.buildId, { ...known, ...change, context });
    },
    remove: (buildId) => void entries.delete(buildId),
    list: () => [...entries.values()],
  };
}

const NEW_ENTRY: Omit<BoardEntry, 'context'> = {
  ...{ state: 'pending', stage: '', executorStage: '' },
  ...{ lagBytes: 0, lagSinceMs: undefined },
};
