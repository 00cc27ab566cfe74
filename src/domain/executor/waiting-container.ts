import { STAGE_MOUNTS } from '../script/stage-mounts.ts';
import { waitingHelperCommand } from '../script/waiting-command.ts';
import { withStdin } from './job-wishes.ts';
import type { ContainerSpec } from './specs.ts';

/** Label of a container whose first process waits for stages, and runs one after another. */
const WAITING_LABEL = 'temporal-gitlab-runner.waiting';

/** Whether a container, as planned or as Docker describes it, waits for its stages. */
export function isWaiting({ labels }: Pick<ContainerSpec, 'labels'>): boolean {
  return labels[WAITING_LABEL] !== undefined;
}

/**
 * Runtimes whose containers share the named pipes of the node. The empty name is the engine's
 * default runtime.
 */
const RUNTIMES_WITH_PIPES: ReadonlySet<string> = new Set(['', 'runc', 'crun', 'nvidia']);

/** Host paths of the files through which a waiting container gets its stages. */
export interface WaitingPaths {
  readonly turn: string;
  /** undefined when the node cannot make named pipes. */
  readonly bell?: string | undefined;
}

/** The facts that decide whether the helper container can wait for its stages. */
export interface WaitingOptions extends WaitingPaths {
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
  const { imageEntrypoint, isOfficialImage, sharesPipes, turn, bell, hasUmask } = options;
  const plain = withStdin(spec, imageEntrypoint);
  const isCommandRun = isOfficialImage || !plain.opensStdin;
  const hasPipes = sharesPipes && RUNTIMES_WITH_PIPES.has(spec.runtime);
  const isAlone = spec.macAddress === '' && spec.pidMode === '';
  if (bell === undefined || !isCommandRun || !hasPipes || !isAlone) return plain;
  return {
    ...plain,
    opensStdin: false,
    command: waitingHelperCommand({ hasUmask }),
    networkAliases: spec.networkAliases.filter((alias) => alias !== 'build'),
    labels: { ...spec.labels, [WAITING_LABEL]: 'true' },
    fileMounts: [
      ...spec.fileMounts,
      { source: turn, target: STAGE_MOUNTS.turn, readOnly: true },
      { source: bell, target: STAGE_MOUNTS.bell, readOnly: true },
    ],
  };
}
