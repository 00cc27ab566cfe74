import type { BuildContext } from '../../../src/domain/context/context.ts';
import type { ContainerPlace } from '../../../src/domain/executor/environment.ts';
import type { ContainerSpec } from '../../../src/domain/executor/specs.ts';
import type { StoredMember } from './fake-archives.ts';
import type { ContainerStatus, JobUpdate } from '../../../src/ports/index.ts';

/** Everything that outlives the worker's process: Docker, its disk and GitLab. */
export interface World {
  readonly docker: {
    readonly containers: Map<string, FakeContainer>;
    readonly volumes: Map<string, Readonly<Record<string, string>>>;
    readonly networks: Map<string, Readonly<Record<string, string>>>;
    readonly images: Set<string>;
    readonly pulls: string[];
    /** What was reported of the wake-up pipes, one by one. */
    readonly sharedPipes: boolean[];
    /** The entrypoint of every image. */
    readonly entrypoint: readonly string[];
  };
  readonly disk: {
    readonly records: Map<string, BuildContext>;
    readonly notes: Map<string, unknown>;
    readonly files: Record<ContainerPlace, FakeFiles>;
    /** By host path. */
    readonly archives: Map<string, readonly StoredMember[]>;
  };
  readonly spool: { saved: SpoolState; readonly keeps: SpoolKeeps; readonly hidden: string[] };
  readonly gitlab: {
    trace: string;
    state: string;
    updates: JobUpdate[];
    /** `archive artifacts.zip` for each upload. */
    artifacts: string[];
  };
  /** The memo of the build's workflow. */
  readonly memo: Record<string, unknown>;
  /** Whether the node can make named pipes, and whether containers can read them. */
  readonly wakePipes: WakePipes;
  /** What a started script does, by its number among those of its container. */
  readonly scripts: Record<string, FakeScript>;
  /** Every script that was started, in order: `build#1`. */
  readonly started: string[];
  readonly freed: string[];
}

export interface FakeContainer {
  readonly spec: ContainerSpec;
  status: ContainerStatus;
  starts: number;
  /** Scripts that it has begun: one in each start, or for each stage. */
  runs: number;
  /** Its own log, of all its starts. */
  readonly log: { readonly stream: 'stdout' | 'stderr'; readonly text: string }[];
  readonly archives: string[];
  /** The stdin of the next start. */
  stdin: string;
  /** The stdin of each start. */
  readonly reads: string[];
  /** The stdin was closed, so nothing more arrives on it before the container has run once. */
  isStdinShut: boolean;
}

export interface FakeFiles {
  script: string;
  output: string;
  state: string;
  /** Nonce of the stage that a waiting container is to run. */
  nextStage: string;
  /** Wakes the container that waits; undefined while none does. */
  wake: (() => void) | undefined;
}

export interface FakeScript {
  readonly exitCode?: number;
  /** The last line that it prints before its end. */
  readonly says?: string;
  /** What the shell says in the container's own log before the script. */
  readonly warning?: string;
  /** What the script says in the container's own log. */
  readonly saysAsFirst?: string;
  /** Exit code of the copier of its output, which has failed. */
  readonly copier?: number;
  /** Docker is slow to tell of the container's end: a test has to end it. */
  readonly lingers?: boolean;
  /** The output of its entrypoint before and after the script. */
  readonly entrypoint?: string;
  /** Docker's status of the container at its end. */
  readonly status?: Partial<ContainerStatus>;
  /** The container ends without a result from the wrapper. */
  readonly dies?: Partial<ContainerStatus>;
  /** The entrypoint never runs it. */
  readonly isSkipped?: boolean;
  /** The entrypoint runs only the commands on its stdin. */
  readonly dropsCommand?: boolean;
  /** It runs until it is stopped. */
  readonly isEndless?: boolean;
}

/**
 * The part of the trace that outlives the process: everything up to the last line of the runner or
 * the last checkpoint, as promised, or everything, which is also possible.
 */
export type SpoolKeeps = 'promises' | 'everything';

export interface SpoolState {
  readonly text: string;
  readonly keys: ReadonlySet<string>;
  readonly offsets: ReadonlyMap<string, number>;
  readonly ackedBytes: number;
}

export const EMPTY_SPOOL: SpoolState = {
  text: '',
  keys: new Set(),
  offsets: new Map(),
  ackedBytes: 0,
};

export type WakePipes = 'shared' | 'unshared' | 'none';

export interface WorldOptions {
  readonly scripts?: World['scripts'];
  readonly keeps?: SpoolKeeps;
  readonly entrypoint?: readonly string[];
  readonly wakePipes?: WakePipes;
}

export function createWorld(context: BuildContext, options: WorldOptions = {}): World {
  const { scripts = {}, keeps = 'promises', entrypoint = [], wakePipes = 'shared' } = options;
  const files = (): FakeFiles => ({
    ...{ script: '', output: '', state: '', nextStage: '' },
    wake: undefined,
  });
  return {
    docker: {
      containers: new Map(),
      volumes: new Map(),
      networks: new Map(),
      images: new Set(),
      pulls: [],
      sharedPipes: [],
      entrypoint,
    },
    disk: {
      records: new Map([[context.buildId, context]]),
      notes: new Map(),
      files: { build: files(), helper: files() },
      archives: new Map(),
    },
    spool: { saved: EMPTY_SPOOL, keeps, hidden: [] },
    gitlab: { trace: '', state: 'pending', updates: [], artifacts: [] },
    memo: {},
    wakePipes,
    scripts,
    started: [],
    freed: [],
  };
}

/** Lets all pending callbacks run once. */
export function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export async function until(isDone: () => boolean): Promise<void> {
  while (!isDone()) await tick();
}
