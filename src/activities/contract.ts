import type { BuildOutcome, StageOutcome } from '../domain/context/outcome.ts';
import type { Adoption, FailoverPlan } from '../domain/context/failover.ts';
import type { JobSummary, PlannedStage, StageName } from '../domain/context/stage.ts';
import type { JobStatus } from '../domain/job/job-status.ts';
import type { FleetSettings } from '../domain/runner/fleet.ts';

// Types only: what workflows may call. Nothing secret passes here, whatever the codec encrypts.

/** Run by the node whose config.toml feeds the runners. */
export interface ConfigActivities {
  /**
   * Reads config.toml anew. A file that is not valid is told in the log, and what was valid last is
   * returned: a node does not lose its runners to a typing error, at whatever moment it is made.
   */
  loadConfig(): Promise<FleetSettings>;
}

/** Run on the slots queue, by any node that has room for one more build. */
export interface SlotActivities {
  /** Asks GitLab for a job, again and again until the turn is over or there is one. */
  requestJob(turn: JobRequest): Promise<JobRequestOutcome>;
}

/** When and for which runner a job is requested. */
export interface JobRequest {
  readonly runnerKey: string;
  /** Pace of the requests: at every multiple of it, plus the offset, by the node's clock. */
  readonly intervalMs: number;
  readonly offsetMs: number;
  /** Ask before the pace says so: at the start, and right after a job. */
  readonly askAtOnce: boolean;
  /** GitLab may hold a request open: nobody else needs the place that it holds meanwhile. */
  readonly mayWait: boolean;
  /** No request is begun after this time. */
  readonly durationMs: number;
}

/** The result of a job request. */
export type JobRequestOutcome =
  | {
      readonly kind: 'job';
      readonly job: JobSummary;
      readonly nodeQueue: string;
      /** Absent in answers of 0.1.0. */
      readonly rescue?: FailoverPlan;
    }
  | { readonly kind: 'no_job' }
  /** The coordinator refuses the runner. */
  | { readonly kind: 'forbidden'; readonly message: string }
  /** This node's config.toml has no such runner. */
  | { readonly kind: 'unknown_runner' };

/** Run by any node, for a build whose own node does not answer. */
export interface FleetActivities {
  /** Says that this node is there. */
  witnessLoss(): Promise<Witness>;
  /**
   * Makes the record of a build on this node. Nothing of it is begun before the workflow says so.
   * `own`: this very node has the build, and is back.
   */
  adoptBuild(options: AdoptionRequest): Promise<AdoptionReply>;
}

/** Another node that can answer while a build's own node does not. */
export interface Witness {
  readonly nodeQueue: string;
}

/** A build for a node to take over. */
export interface AdoptionRequest extends BuildRef, Adoption {
  /** Queue of the node that does not answer. */
  readonly fromQueue: string;
  readonly sealedJob: string;
}

/** `own`: the node already has the build. */
export type AdoptionReply =
  { readonly kind: 'adopted'; readonly nodeQueue: string } | { readonly kind: 'own' };

/** Names a build to the activities of the node that holds its record. */
export interface BuildRef {
  readonly buildId: string;
}

/**
 * Run on the queue of the node that took the job. Each is safe to repeat: what was done is found
 * again, by container name and by the node's own notes, and nothing is run twice.
 */
export interface BuildActivities {
  /** Does nothing: that it is done tells that the node is there. */
  answerCall(): Promise<void>;
  /** Tells GitLab that the job runs. Before this, nothing of it is started. */
  acknowledgeJob(build: BuildRef): Promise<Acknowledgement>;
  /** Pulls images and makes network, volumes and containers. */
  prepareEnvironment(build: BuildRef): Promise<void>;
  /** Runs a stage to its end. Repeated, it re-attaches to the container and goes on with its log. */
  runStage(build: BuildRef, request: StageRequest): Promise<StageOutcome>;
  /** Ends the stage that runs, if one does; `runStage` then returns `stopped`. */
  stopStage(build: BuildRef, request: StopRequest): Promise<void>;
  /**
   * Milliseconds that are left of `limitMs` since this node got the job, or since it began `stage`, by
   * a clock that nobody sets; 0 also when the node cannot tell, as the machine was started anew.
   */
  timeLeft(build: BuildRef, limitMs: number, stage?: StageTry): Promise<number>;
  /**
   * Sends the trace while it grows. Returns when it is sealed, when GitLab wants the job ended, or
   * when the job is overdue.
   */
  uploadTrace(build: BuildRef, options: UploadOptions): Promise<UploadEnd>;
  /** Writes the last line, sends the rest of the trace and the final state, until GitLab has both. */
  reportResult(build: BuildRef, outcome: BuildOutcome): Promise<void>;
  /** Removes containers, temporary volumes and the network. */
  destroyEnvironment(build: BuildRef): Promise<void>;
  /** Deletes the node's record of the build and gives its slot back. */
  releaseBuild(build: BuildRef): Promise<void>;
  /** Asks Temporal to cancel the build's workflow: without that it cannot end as Canceled. */
  markCanceled(build: BuildRef): Promise<void>;
}

/** `taken`: the job is somebody else's (409). `gone`: GitLab wants nothing more of it. */
export type Acknowledgement = 'accepted' | 'canceling' | 'taken' | 'gone';

/** A stage to run. */
export interface StageRequest {
  readonly stage: PlannedStage;
  /** 1 for the first try of the stage. Not Temporal's attempt: a retried activity re-attaches. */
  readonly attempt: number;
  /** CI_JOB_STATUS as the stage sees it. */
  readonly jobStatus: JobStatus;
}

/** One try of a stage. */
export interface StageTry {
  readonly name: StageName;
  readonly attempt: number;
}

/** How and why the running stage is stopped. */
export interface StopRequest {
  readonly how: 'graceful' | 'kill';
  /** Said in the trace. */
  readonly reason: string;
}

/** How a trace is uploaded. */
export interface UploadOptions {
  /** The build knows already that it is being canceled. */
  readonly ignoreCanceling: boolean;
  /** How long the job may take, while that is to be watched over. Absent in calls of 0.1.0. */
  readonly jobTimeoutMs?: number;
}

/** `overdue`: the job's time is over by the node's own clock, whatever Temporal's says. */
export type UploadEnd = 'sealed' | 'canceling' | 'aborted' | 'overdue';
