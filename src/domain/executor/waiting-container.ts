import { STAGE_MOUNTS } from '../script/stage-mounts.ts';
import { earlyJobCommand, waitingHelperCommand } from '../script/waiting-command.ts';
import { withStdin } from './job-wishes.ts';
import type { ContainerSpec } from './specs.ts';

/** Label of a container whose first process waits for stages, and runs one after another. */
const WAITING_LABEL = 'temporal-gitlab-runner.waiting';

/**
 * Whether a container, as planned or as Docker describes it, is one whose first process waits for
 * stages and runs one after another. It tells nothing about what the container does now.
 */
export function runsStageLoop({ labels }: Pick<ContainerSpec, 'labels'>): boolean {
  return labels[WAITING_LABEL] !== undefined;
}

/** Label of a job's container whose first process awaits its script, and becomes it. */
const EARLY_LABEL = 'temporal-gitlab-runner.early';

/**
 * Whether a container, as planned or as Docker describes it, is one whose first process awaits its
 * script at each start, and becomes it. So the container can be started before its first script is
 * there. It tells nothing about what the container does now.
 */
export function awaitsScriptAtStart({ labels }: Pick<ContainerSpec, 'labels'>): boolean {
  return labels[EARLY_LABEL] !== undefined;
}

/**
 * Runtimes whose containers share the named pipes of the node. The empty name is the engine's
 * default runtime.
 */
const RUNTIMES_WITH_PIPES: ReadonlySet<string> = new Set(['', 'runc', 'crun', 'nvidia']);

/** Host paths of the files through which a waiting container gets its stages. */
export interface WaitingPaths {
  readonly nextStage: string;
  /** undefined when the node cannot make named pipes. */
  readonly wakePipe?: string | undefined;
}

/** The facts that decide whether a job's container can be started before its script is there. */
export interface EarlyOptions extends WaitingPaths {
  /** Directories that the container creates: see `openDirectories`. */
  readonly directories: readonly string[];
  readonly imageEntrypoint: readonly string[];
  /**
   * True: the containers of the engine's default runtime share the named pipes of the node, and
   * files can be written into a running container as well as into a stopped one.
   */
  readonly startsEarly: boolean;
}

/** The facts that decide whether the helper container can wait for its stages. */
export interface WaitingOptions extends WaitingPaths {
  /** Directories that the container creates: see `openDirectories`. */
  readonly directories: readonly string[];
  readonly imageEntrypoint: readonly string[];
  /**
   * True: the image is the official helper image, whose entrypoint runs the command that it is
   * given.
   */
  readonly isOfficialImage: boolean;
  /** True: the containers of the engine's default runtime share the named pipes of the node. */
  readonly sharesPipes: boolean;
  readonly hasUmask: boolean;
}

/**
 * Plans the helper container to start once and wait for its stages, if that is possible; otherwise
 * to start for each stage. An entrypoint may drop its command, and two running containers cannot
 * have one MAC address. The network alias `build` is left to the job's container, because both run
 * at the same time.
 */
export function letHelperWait(spec: ContainerSpec, options: WaitingOptions): ContainerSpec {
  const { imageEntrypoint, isOfficialImage, sharesPipes, nextStage, wakePipe } = options;
  const plain = withStdin(spec, imageEntrypoint);
  const isCommandRun = isOfficialImage || !plain.opensStdin;
  if (wakePipe === undefined || !isCommandRun || !hasPipes(spec, sharesPipes) || !isAlone(spec)) {
    return plain;
  }
  return {
    ...plain,
    opensStdin: false,
    command: waitingHelperCommand(options),
    networkAliases: spec.networkAliases.filter((alias) => alias !== 'build'),
    labels: { ...spec.labels, [WAITING_LABEL]: 'true' },
    fileMounts: [...spec.fileMounts, ...mountsOf({ nextStage, wakePipe })],
  };
}

/**
 * Plans the job's container for an early start, if that is possible. A container with an entrypoint
 * is never started early, because the entrypoint must find the sources.
 */
export function letJobStartEarly(spec: ContainerSpec, options: EarlyOptions): ContainerSpec {
  const { imageEntrypoint, startsEarly, nextStage, wakePipe } = options;
  const plain = withStdin(spec, imageEntrypoint);
  if (
    wakePipe === undefined ||
    plain.opensStdin ||
    !hasPipes(spec, startsEarly) ||
    !isAlone(spec)
  ) {
    return plain;
  }
  return {
    ...plain,
    command: earlyJobCommand(options),
    labels: { ...spec.labels, [EARLY_LABEL]: 'true' },
    fileMounts: [...spec.fileMounts, ...mountsOf({ nextStage, wakePipe })],
  };
}

function hasPipes({ runtime }: ContainerSpec, isSharing: boolean): boolean {
  return isSharing && RUNTIMES_WITH_PIPES.has(runtime);
}

/**
 * Whether the container can run beside the other container of the build, and has a process
 * namespace of its own.
 */
function isAlone({ macAddress, pidMode }: ContainerSpec): boolean {
  return macAddress === '' && pidMode === '';
}

function mountsOf({
  nextStage,
  wakePipe,
}: {
  readonly nextStage: string;
  readonly wakePipe: string;
}) {
  return [
    { source: nextStage, target: STAGE_MOUNTS.nextStage, readOnly: true },
    { source: wakePipe, target: STAGE_MOUNTS.wakePipe, readOnly: true },
  ];
}
