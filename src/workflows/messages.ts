import { defineQuery, defineSignal } from '@temporalio/workflow';
import type { BuildOutcome, Interruption } from '../domain/context/outcome.ts';
import type { JobSummary, StageName } from '../domain/context/stage.ts';
import type { Feeding, FleetState } from '../domain/runner/fleet.ts';
import { nodeQueueOf } from '../domain/runner/node-name.ts';

// The workflows' public contract: every name here is used by people, tests and other releases.

/** Task queue of the workflows. */
export const ORCHESTRATION_QUEUE = 'gitlab-runner';
/** Task queue of `requestJob`, shared by all nodes. */
export const SLOTS_QUEUE = 'gitlab-runner-slots';

/**
 * How long a process may take for one step of a workflow that asks for jobs. One that was killed amid
 * a step is waited for no longer than this.
 */
export const STEP_LIMIT = '3 seconds';

/** Task queue of one node: its builds and its config. */
export const nodeQueue = nodeQueueOf;

/** Workflow id of `feedRunners`: one for each installation. */
export function feedRunnersId(installation: string): string {
  return `feed-runners/${installation}`;
}

/** Workflow id of `serveRunner`, with the runner's name for people and its key for uniqueness. */
export function serveRunnerId(installation: string, runner: RunnerIdentity): string {
  // Temporal on PostgreSQL takes ids of at most 255 characters.
  return `serve-runner/${installation}/${runner.name.slice(0, 100)}-${runner.key}`;
}

/** A runner by its name and key. */
export interface RunnerIdentity {
  readonly name: string;
  readonly key: string;
}

/** How every `serveRunner` is started, by feedRunners or by a node that misses it. */
export function runnerStart(installation: string, runner: RunnerIdentity) {
  return {
    workflowId: serveRunnerId(installation, runner),
    workflowTaskTimeout: STEP_LIMIT,
    staticSummary: `runner ${runner.name} of ${installation}`,
  } as const;
}

// feedRunners

/**
 * Read config.toml again. Carries no content: the node reads its own file. A person sends it without
 * an input.
 */
export const reloadConfigSignal = defineSignal<[ReloadRequest?]>('reloadConfig');
/** A request to read config.toml again. */
export interface ReloadRequest {
  /** Queue of the node whose file is read. */
  readonly configQueue: string;
  /** Set when the node has just started: what its last process was doing is asked for again. */
  readonly hasRestarted: boolean;
}
/** Ask for no jobs for this runner, by key or name. Its builds go on. */
export const pauseRunnerSignal = defineSignal<[runner: string]>('pauseRunner');
/** Ends the pause of one runner, given by its key or name. */
export const resumeRunnerSignal = defineSignal<[runner: string]>('resumeRunner');
/** Ask for no jobs at all; builds go on. `resume` ends it. */
export const drainSignal = defineSignal('drain');
/** Ends a drain: the node asks for jobs again. */
export const resumeSignal = defineSignal('resume');
/** End feedRunners and its runners; builds go on, and a runner ends after its last one. */
export const stopSignal = defineSignal('stop');
/** Sent by a runner when the coordinator refuses it, and when it is accepted again. */
export const reportHealthSignal = defineSignal<[HealthReport]>('reportHealth');
/** Whether GitLab accepted a runner's token. */
export interface HealthReport {
  readonly runnerKey: string;
  readonly isHealthy: boolean;
}
/** Asks `feedRunners` for its settings and the health of its runners. */
export const fleetStateQuery = defineQuery<FleetState>('fleetState');

// serveRunner

/** Sets whether and how this runner asks for jobs, from now on. */
export const feedSignal = defineSignal<[FeedMessage]>('feed');
/** What `feedRunners` sends to a runner's workflow. */
export interface FeedMessage {
  readonly feeding: Feeding;
  /** Count no longer on the requests under way: the process that sent them is gone. */
  readonly askAnew: boolean;
}
/**
 * A build of this runner was begun by its node: the node had the job on record, and the runner had
 * not begun it. It counts under `limit` like any other.
 */
export const buildBegunSignal = defineSignal<[buildId: string]>('buildBegun');
/** A build of this runner has ended: its place under `limit` is free. */
export const buildEndedSignal = defineSignal<[buildId: string]>('buildEnded');
/** Asks `serveRunner` for its feeding and its builds. */
export const runnerStateQuery = defineQuery<RunnerState>('runnerState');
/** The state of a runner's workflow. */
export interface RunnerState {
  readonly feeding: Feeding;
  readonly buildIds: readonly string[];
  readonly questionsUnderWay: number;
  readonly isHealthy: boolean;
  readonly isStopping: boolean;
}

// runBuild

/** Kept beside each build, for its node to know which builds are its own. */
export interface BuildMemo {
  readonly nodeQueue: string;
  /** How often the build has changed hands; absent while it has not. */
  readonly term?: number;
}

/** The memo of a build's workflow. `term` is the fencing token. */
export function buildMemo(nodeQueue: string, term = 0): Record<string, unknown> {
  return { nodeQueue, ...(term > 0 && { term }) } satisfies BuildMemo;
}

/** How every `runBuild` is started, by its runner or by its node. */
export function buildStart(job: JobSummary, node: string) {
  return {
    workflowId: job.buildId,
    memo: buildMemo(node),
    staticSummary: `${job.projectPath} · ${job.jobName} · ${job.ref}`,
    staticDetails: job.jobUrl,
  };
}

/** The node's process was started anew: its activities are scheduled again, and re-attach. */
export const nodeRestartedSignal = defineSignal('nodeRestarted');
/** Ends the build as if a user had pressed cancel in GitLab. */
export const cancelBuildSignal = defineSignal('cancelBuild');
/** Asks `runBuild` for its stage and its interruption. */
export const buildStateQuery = defineQuery<BuildState>('buildState');
/** The state of a build's workflow. */
export interface BuildState {
  readonly stage: StageName | 'acknowledge' | 'report' | 'ended';
  readonly interruption: Interruption | undefined;
  readonly outcome: BuildOutcome | undefined;
}
