import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import { clearValue } from '../domain/clear-text.ts';
import { WAITS_SIGNAL } from '../domain/build/wait.ts';
import { attributePairs } from '../domain/context/job-attributes.ts';
import type { BuildOutcome, Interruption } from '../domain/context/outcome.ts';
import type { JobSummary, StageName } from '../domain/context/stage.ts';
import {
  BUILD_ENDED_SIGNAL,
  type Feeding,
  type FleetState,
  type Standing,
} from '../domain/runner/fleet.ts';
import { nodeQueueOf } from '../domain/runner/node-name.ts';

// The workflows' public contract: people, tests and other releases use every name here.

/** Task queue of the workflows. */
export const ORCHESTRATION_QUEUE = 'gitlab-runner';
/** Task queue of `requestJob`, shared by all nodes. */
export const SLOTS_QUEUE = 'gitlab-runner-slots';

/**
 * How long one workflow task of a workflow that asks for jobs may take. If its process was killed
 * during a task, nobody waits longer than this.
 */
export const WORKFLOW_TASK_TIMEOUT = '3 seconds';

/** Task queue of one node: its builds and its config. */
export const nodeQueue = nodeQueueOf;

/** Workflow id of `feedRunners`: one for each installation. */
export function feedRunnersId(installation: string): string {
  return `feed-runners/${installation}`;
}

/** Workflow id of `serveRunner`, with the runner's name for people and its key for uniqueness. */
export function serveRunnerId(installation: string, runner: RunnerIdentity): string {
  // Temporal on PostgreSQL limits ids to 255 characters.
  return `serve-runner/${installation}/${runner.name.slice(0, 100)}-${runner.key}`;
}

/** A runner by its name and key. */
export interface RunnerIdentity {
  readonly name: string;
  readonly key: string;
}

/** The options with which feedRunners, or a node that misses it, starts every `serveRunner`. */
export function runnerStart(installation: string, runner: RunnerIdentity) {
  return {
    workflowId: serveRunnerId(installation, runner),
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
    staticSummary: clearValue(`runner ${runner.name} of ${installation}`),
  } as const;
}

// feedRunners

/**
 * Reads config.toml again. It carries no content, because the node reads its own file. A person may
 * send it without an input.
 */
export const reloadConfigSignal = defineSignal<[ReloadRequest?]>('reloadConfig');
/** A request to read config.toml again. */
export interface ReloadRequest {
  /** Queue of the node whose file is read. */
  readonly configQueue: string;
  /** True: the node has just started, so interrupted job requests are sent again. */
  readonly hasRestarted: boolean;
}
/** Stops job requests of one runner, given by its key or name. Its builds continue. */
export const pauseRunnerSignal = defineSignal<[runner: string]>('pauseRunner');
/** Ends the pause of one runner, given by its key or name. */
export const resumeRunnerSignal = defineSignal<[runner: string]>('resumeRunner');
/** Stops all job requests; builds continue. `resume` ends it. */
export const drainSignal = defineSignal('drain');
/** Ends a drain. When a runner is given, ends the pause of this runner instead. */
export const resumeSignal = defineSignal<[runner?: string]>('resume');
/** Ends feedRunners and its runners. Builds continue, and a runner ends after its last one. */
export const stopSignal = defineSignal('stop');
/** Same as `pauseRunner`, under the name that the command line uses. */
export const pauseSignal = defineSignal<[runner: string]>('pause');
/** Reads config.toml of the node again. */
export const reloadSignal = defineSignal('reload');
/** Same as the signal `pause`, but refuses a runner that does not exist. */
export const pauseUpdate = defineUpdate<string, [runner: string]>('pause');
/** Same as the signal `resume`, but refuses a runner that does not exist. */
export const resumeUpdate = defineUpdate<string, [runner?: string]>('resume');
/** Same as the signal `drain`, but answers. */
export const drainUpdate = defineUpdate<string>('drain');
/** Same as the signal `reload`, but answers. */
export const reloadUpdate = defineUpdate<string>('reload');
/** Sent by a runner when the coordinator refuses it, and when it is accepted again. */
export const reportHealthSignal = defineSignal<[HealthReport]>('reportHealth');
/** Whether GitLab accepted a runner's token. */
export interface HealthReport {
  readonly runnerKey: string;
  readonly isHealthy: boolean;
}
/** Asks `feedRunners` for its settings and the health of its runners. */
export const fleetStateQuery = defineQuery<FleetState>('fleetState');

/** Tells people the state of the fleet. The unencrypted answer has keys of runners and no names. */
export const fleetStatusQuery = defineQuery<unknown>('status');

/**
 * Stored with feedRunners, so that its node knows of a drain and of pauses. Each is absent before
 * the first one.
 */
export type FeederMemo = Partial<Standing>;

// serveRunner

/** Sets whether and how often this runner asks for jobs. */
export const feedSignal = defineSignal<[FeedMessage]>('feed');
/** What `feedRunners` sends to a runner's workflow. */
export interface FeedMessage {
  readonly feeding: Feeding;
  /** True: forget the requests in progress, because their process is gone. */
  readonly askAnew: boolean;
}
/**
 * The node has started a build of this runner from its own record, because the runner's workflow
 * had not. The build counts under `limit` like any other.
 */
export const buildBegunSignal = defineSignal<[buildId: string]>('buildBegun');
/** A build of this runner has ended, so its slot under `limit` is free. */
export const buildEndedSignal = defineSignal<[buildId: string]>(BUILD_ENDED_SIGNAL);
/** Asks `serveRunner` for its feeding and its builds. */
export const runnerStateQuery = defineQuery<RunnerState>('runnerState');
/**
 * Tells people the state of the runner. The answer is not encrypted, so it only contains numbers,
 * times and words of closed lists.
 */
export const runnerStatusQuery = defineQuery<unknown>('status');
/** The state of a runner's workflow. */
export interface RunnerState {
  readonly feeding: Feeding;
  readonly buildIds: readonly string[];
  /** The number of open job requests. Other releases know it by this name. */
  readonly questionsUnderWay: number;
  readonly isHealthy: boolean;
  readonly isStopping: boolean;
}

// runBuild

/** Stored with each build, so that nodes know which builds are their own. */
export interface BuildMemo {
  readonly nodeQueue: string;
  /** The offer of the job that the build is of: see `JobSummary`. */
  readonly offer?: string;
  /** The fencing token: how often the build has changed nodes. Absent while it has not. */
  readonly term?: number;
}

/** What the memo of a build's workflow tells of its node. `term` is the fencing token. */
export function buildMemo(nodeQueue: string, term = 0): Record<string, unknown> {
  return { nodeQueue, ...(term > 0 && { term }) } satisfies BuildMemo;
}

/** Returns `group/project · rspec #123 · main`, or no names when they must not be visible. */
function summaryOf({ jobId, visible }: JobSummary): string {
  const names = [visible?.project, `${visible?.jobName ?? 'job'} #${jobId}`, visible?.ref];
  return names.filter((name) => name !== undefined).join(' · ');
}

/** The options with which its runner or its node starts every `runBuild`. */
export function buildStart(job: JobSummary, node: string) {
  return {
    workflowId: job.buildId,
    memo: { ...buildMemo(node), ...(job.offer !== undefined && { offer: job.offer }) },
    staticSummary: clearValue(summaryOf(job)),
    ...(job.visible?.attributes && {
      typedSearchAttributes: attributePairs(job.visible.attributes),
    }),
    ...(job.visible?.link !== undefined && { staticDetails: clearValue(job.visible.link) }),
  };
}

/**
 * The node's process was restarted. The build schedules its activities again, and they re-attach.
 */
export const nodeRestartedSignal = defineSignal('nodeRestarted');
/** Ends the build as if a user had pressed cancel in GitLab. */
export const cancelBuildSignal = defineSignal('cancelBuild');
/** Same as `cancelBuild`, under the name that people use. */
export const cancelSignal = defineSignal('cancel');
/** Same as the signal `cancel`, but answers. */
export const cancelUpdate = defineUpdate<string>('cancel');
/**
 * Tells the build everything that it waits for on its node. Each signal replaces the last one.
 * `parseWaits` reads the input.
 */
export const waitsSignal = defineSignal<[waits: unknown]>(WAITS_SIGNAL);
/**
 * Keeps the containers of a build after its job, or stops the build before a stage.
 * `parseHoldCommand` reads the input.
 */
export const holdSignal = defineSignal<[command: unknown]>('hold');
/** Same as the signal `hold`, but refuses a command that makes no sense. */
export const holdUpdate = defineUpdate<string, [command: unknown]>('hold');
/** Ends the current hold. Without a current hold, removes the commands for later holds. */
export const releaseSignal = defineSignal<[Release?]>('release');
/** Same as the signal `release`, but refuses when nothing is held. */
export const releaseUpdate = defineUpdate<string, [release: Release | undefined]>('release');
/** Retries the failed stage after which the build is stopped. */
export const retrySignal = defineSignal<[Release?]>('retry');
/** Same as the signal `retry`, but refuses when the build is not stopped after a failed stage. */
export const retryUpdate = defineUpdate<string, [release: Release | undefined]>('retry');
/**
 * Tells the build about a person's shell, and the build writes a line about the shell into its
 * trace. Starts the job's container when the build is held. `parseShellCommand` reads the input.
 */
export const shellUpdate = defineUpdate<string, [command: ShellInput]>('shell');
/** What the command `shell` tells the build. */
export interface ShellInput {
  readonly by?: string;
  readonly container?: string;
  readonly isRunning?: boolean;
}
/** Who ends a hold, or asks for a stage to be tried again. */
export interface Release {
  readonly by?: string;
}
/** Tells people the state of the build. The answer is not encrypted. */
export const buildStatusQuery = defineQuery<BuildStatus>('status');
/** The state of a build, in words of closed lists. */
export interface BuildStatus {
  readonly stage: string;
  readonly interruption?: Interruption['kind'];
  /** Everything that it waits for. */
  readonly waitsFor?: string;
  /** The start of the oldest wait, ISO 8601. */
  readonly since?: string;
  readonly result?: BuildOutcome['state'];
  readonly why?: string;
}
/** Tells people the stages of the build. The answer is not encrypted. */
export const stagesQuery = defineQuery<readonly StageAnswer[]>('stages');
/** One try of a stage. */
export interface StageAnswer {
  readonly name: string;
  readonly attempt: number;
  readonly state: string;
  readonly exitCode?: number;
  /** ISO 8601. */
  readonly started: string;
  readonly seconds?: number;
}
/** Asks `runBuild` for its current stage and its interruption. */
export const buildStateQuery = defineQuery<BuildState>('buildState');
/** The state of a build's workflow. */
export interface BuildState {
  readonly stage: StageName | 'acknowledge' | 'report' | 'hold' | 'ended';
  readonly interruption: Interruption | undefined;
  readonly outcome: BuildOutcome | undefined;
}
