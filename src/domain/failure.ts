/**
 * Every final fault of an activity, by the `type` of its `ApplicationFailure`. The list is closed.
 * Workflows decide by these strings and never by class names, which a minifier changes.
 */
export const FailureType = {
  /** The job asks for something the runner's configuration forbids or cannot do. */
  RunnerConfiguration: 'RunnerConfiguration',
  /** An image could not be pulled. */
  ImagePull: 'ImagePull',
  /** Something outside (registry, network) did not answer. */
  ExternalDependency: 'ExternalDependency',
  /** The config file cannot be read or is not valid. */
  InvalidConfig: 'InvalidConfig',
  /** The payload of the job is not usable. */
  InvalidPayload: 'InvalidPayload',
  /** An archive of the job's files cannot be made or unpacked, because of its content. */
  InvalidArchive: 'InvalidArchive',
  /** The node has no record of the build: its state directory was emptied or moved. */
  RecordLost: 'RecordLost',
  /** Docker, disk or the runner itself failed. */
  RunnerSystem: 'RunnerSystem',
} as const;

/** One of the types of final faults. */
export type FailureType = (typeof FailureType)[keyof typeof FailureType];

/** The party that has caused a transient fault, and that the build waits for. */
export type Party = 'gitlab' | 'docker' | 'temporal' | 'cache' | 'disk';

/** The known facts about a transient fault, besides its message. */
export interface FaultFacts {
  readonly cause?: unknown;
  readonly retryAfterMs?: number | undefined;
  readonly from?: Party;
  readonly status?: number | undefined;
}

/** A transient fault: Temporal's retry policy tries the activity again. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
  /**
   * Milliseconds that the other side asked to wait before the next attempt; undefined when it did
   * not ask.
   */
  readonly retryAfterMs: number | undefined;
  /** The party that the build waits for; undefined when that is not known. */
  readonly from: Party | undefined;
  /** Status of the answer, if there was one. */
  readonly status: number | undefined;

  constructor(message: string, { cause, retryAfterMs, from, status }: FaultFacts = {}) {
    super(message, { cause });
    this.retryAfterMs = retryAfterMs;
    this.from = from;
    this.status = status;
  }
}

/** Whether Docker gave no answer at all, as while it is restarted. */
export function isDockerAway(error: unknown): boolean {
  return error instanceof TransientError && error.from === 'docker' && error.status === undefined;
}

/** A fault that another try does not fix. Its `type` decides what the workflow does. */
export class FinalError extends Error {
  override readonly name = 'FinalError';
  readonly type: FailureType;

  constructor(type: FailureType, message: string, options: { cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.type = type;
  }
}

/** A needed container, given by its id or name, was removed by somebody else. */
export class ContainerGone extends FinalError {
  constructor(idOrName: string) {
    super(
      FailureType.RunnerSystem,
      `container "${idOrName}" is gone: something other than this runner removed it while it was needed`,
    );
  }
}
