import type { BuildContext } from '../../domain/context/context.ts';
import type { ExecutorStage, JobRuntimeState } from '../../domain/metrics/job-state.ts';

/** The current state of a build of this node. */
export interface BoardEntry {
  readonly context: BuildContext;
  readonly state: JobRuntimeState;
  readonly stage: string;
  readonly executorStage: ExecutorStage;
  /** Bytes of its log that GitLab does not have yet. */
  readonly lagBytes: number;
  /** When GitLab began to lack some of them; undefined while it has all. */
  readonly lagSinceMs: number | undefined;
}

/** The builds of this node, as its activities report them. */
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
  state: 'pending',
  stage: '',
  executorStage: '',
  lagBytes: 0,
  lagSinceMs: undefined,
};
