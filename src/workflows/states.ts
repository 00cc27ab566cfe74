import { UNRESTRICTED, type Feeding, type FleetState } from '../domain/runner/fleet.ts';
import type * as messages from './messages.ts';
import type { LastAnswer } from './runner/runner-answers.ts';

// This file has no code of workflows, because a node also starts workflows with these states.

/** A runner with the feeding that it last received. */
export interface FedRunner {
  readonly workflowId: string;
  readonly feeding: Feeding;
}

/** The state of feedRunners that survives continue-as-new. */
export interface FeedRunnersState extends FleetState {
  readonly installation: string;
  readonly configQueue: string;
  /** Runners that have a serveRunner, with the feeding that they last received. */
  readonly fed: Readonly<Record<string, FedRunner>>;
  readonly needsReload: boolean;
  /** When the config is read again that no process of the node has read in time. */
  readonly reloadAtMs?: number | undefined;
  /** How long the config waits for its next reading after the next time-out, in milliseconds. */
  readonly reloadPauseMs?: number | undefined;
  /**
   * True: tell every runner again, even without a change, because a runner's workflow may be gone.
   */
  readonly feedsAll: boolean;
  /**
   * True: tell every runner to forget its requests in progress and to ask again, because their
   * process is gone.
   */
  readonly askAnew: boolean;
  readonly isStopping: boolean;
}

/**
 * State of an installation that has not read its config yet. The standing is that of a lost
 * predecessor.
 */
export function initialFeedRunnersState(
  installation: string,
  configQueue: string,
  { isDraining, paused } = UNRESTRICTED,
): FeedRunnersState {
  return {
    installation,
    configQueue,
    settings: { checkIntervalMs: 3_000, concurrent: 1, runners: [] },
    health: {},
    paused,
    isDraining,
    fed: {},
    needsReload: true,
    feedsAll: true,
    askAnew: false,
    isStopping: false,
  };
}

/** The state of serveRunner that survives continue-as-new. */
export interface ServeRunnerState {
  readonly runner: messages.RunnerIdentity;
  readonly feeding: Feeding;
  /** Builds of this runner that have not reported their end. They count under `limit`. */
  readonly buildIds: readonly string[];
  /** Workflow id of the feedRunners that receives reports about the runner's health. */
  readonly feederId: string;
  /** True: the next request does not wait for the interval. */
  readonly askAtOnce: boolean;
  /** The limit of open job requests: see `adaptRequestLimit`. Histories have this name. */
  readonly questionLimit: number;
  readonly isHealthy: boolean;
  readonly isStopping: boolean;
  /** How the last run of requests ended. Absent before the first one, and in runs of 0.1.0. */
  readonly lastAnswer?: LastAnswer;
}

/** State of a runner that has not asked for a job yet. */
export function initialServeRunnerState(
  known: Pick<ServeRunnerState, 'runner' | 'feeding' | 'feederId'>,
): ServeRunnerState {
  return {
    ...known,
    buildIds: [],
    askAtOnce: true,
    questionLimit: 1,
    isHealthy: true,
    isStopping: false,
  };
}
