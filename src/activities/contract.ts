import type { BuildOutcome, StageOutcome } from '../domain/context/outcome.ts';
import type { Adoption, FailoverPlan } from '../domain/context/failover.ts';
import type { JobSummary, PlannedStage, StageName } from '../domain/context/stage.ts';
import type { JobStatus } from '../domain/job/job-status.ts';
import type { FleetSettings } from '../domain/runner/fleet.ts';

// Types only: the activities that workflows may call. Nothing secret passes here, although payloads
// are encrypted.

/** Run by the node whose config.toml feeds the runners. */
export interface ConfigActivities {
  /**
   * Reads config.toml again. If the file is invalid, this logs the fault and returns the last valid
   * settings, so that a typing error never costs a node its runners.
   */
  loadConfig(): Promise<FleetSettings>;
}

/** Run from the slots queue by any node with room for one more build. */
export interface SlotActivities {
  /** Asks GitLab for a job repeatedly, until there is one or the time is over. */
  requestJob(request: JobRequest): Promise<JobRequestOutcome>;
}

/** When and for which runner a job is requested. */
export interface JobRequest {
  readonly runnerKey: string;
  /**
   * Interval of the requests, in milliseconds of the node's clock. A request is due at every
   * multiple of the interval, plus the offset.
   */
  readonly intervalMs: number;
  readonly offsetMs: number;
  /**
   * True: the first request does not wait for the interval, as at the start and right after a job.
   */
  readonly askAtOnce: boolean;
  /** True: GitLab may hold a request open, because nobody else needs the slot that it occupies. */
  readonly mayWait: boolean;
  /** No request begins after this many milliseconds. */
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
  | {
      readonly kind: 'no_job';
      /** What last kept the node from asking. Absent when it asked, and in answers of 0.1.0. */
      readonly wait?: RequestWait;
      /** True: GitLab was away, or a proxy answered in its place. */
      readonly isAway?: true;
    }
  /** The coordinator refuses the runner. */
  | { readonly kind: 'forbidden'; readonly message: string }
  /** This node's config.toml has no such runner. */
  | { readonly kind: 'unknown_runner' };

/** What a job request waits for before it is sent. `place`: a slot of the node. */
export type RequestWait = 'docker' | 'place' | 'temporal';

/** Run by any node, for a build whose own node does not answer. */
export interface FleetActivities {
  /** Reports that this node is alive. */
  witnessLoss(): Promise<Witness>;
  /**
   * Creates the record of a build on this node. Nothing of the build begins before the workflow
   * says so. `own`: this node already has the build and is back.
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
  | {
      readonly kind: 'adopted';
      readonly nodeQueue: string;
      /** The node's `NODE_PROTOCOL`. Absent in answers of 0.1.0. */
      readonly protocol?: number;
    }
  | { readonly kind: 'own' };

/** Identifies a build to the activities of the node with its record. */
export interface BuildRef {
  readonly buildId: string;
}

/**
 * Run from the queue of the node that took the job. Each is safe to repeat: earlier results are
 * found by container name and the node's notes, and nothing runs twice.
 */
export interface BuildActivities {
  /** Does nothing. Its completion shows that the node is alive. */
  answerCall(): Promise<void>;
  /** Tells GitLab that the job is running. No script of the job starts before this. */
  acknowledgeJob(build: BuildRef): Promise<Acknowledgement>;
  /**
   * Acknowledges the job and prepares the environment at the same time. Stops the preparation when
   * GitLab refuses. Throws the faults of `prepareEnvironment`.
   */
  beginBuild(build: BuildRef): Promise<Beginning>;
  /**
   * Pulls images; creates network, volumes and containers; starts the services and waits for them;
   * starts containers that wait for their stage. Runs no stage.
   */
  prepareEnvironment(build: BuildRef): Promise<void>;
  /**
   * Runs a stage to its end. When repeated, it re-attaches to the container and continues its log.
   */
  runStage(build: BuildRef, request: StageRequest): Promise<StageOutcome>;
  /** Stops the running stage, if there is one; `runStage` then returns `stopped`. */
  stopStage(build: BuildRef, request: StopRequest): Promise<void>;
  /**
   * Milliseconds left of `limitMs` since this node got the job, or since it began `stage`, by the
   * monotonic clock. Also 0 when the node cannot tell, because the machine was restarted.
   */
  timeLeft(build: BuildRef, limitMs: number, stage?: StageTry): Promise<number>;
  /**
   * Sends the trace while it grows. Returns when the trace is finished, when GitLab wants the job
   * to end, or when the job is overdue.
   */
  uploadTrace(build: BuildRef, options: UploadOptions): Promise<UploadEnd>;
  /**
   * Writes the last line, and sends the rest of the trace and the final state until GitLab has
   * both. `before`: stages that only print a line, and whose lines are not in the trace yet.
   */
  reportResult(
    build: BuildRef,
    outcome: BuildOutcome,
    before?: readonly PlannedStage[],
  ): Promise<void>;
  /** Writes a line about a person's command. Writes nothing once the trace is finished. */
  writeNotice(build: BuildRef, notice: TraceNotice): Promise<void>;
  /**
   * Starts the job's container with a script that only waits, so that a person can open a shell in
   * the container. Only call it while nothing else of the build runs. `count` numbers the starts: a
   * repeated call with the same number starts nothing. Returns false when the job has no container.
   */
  startForShell(build: BuildRef, count: number): Promise<boolean>;
  /**
   * Removes containers, temporary volumes and the network. Runs `cleanup` in its container before
   * that. The output of `cleanup` is dropped, because the trace may already have its last line.
   */
  destroyEnvironment(build: BuildRef, cleanup?: PlannedStage): Promise<void>;
  /**
   * Deletes the node's record of the build and returns its slot. Tells the runner that the build
   * has ended when its workflow's id is given.
   */
  releaseBuild(build: BuildRef, runnerWorkflowId?: string): Promise<void>;
  /** Asks Temporal to cancel the build's workflow, which cannot end as Canceled otherwise. */
  markCanceled(build: BuildRef): Promise<void>;
}

/** `taken`: another runner has the job (409). `gone`: GitLab no longer wants it. */
export type Acknowledgement = 'accepted' | 'canceling' | 'taken' | 'gone';

/** `unanswered`: GitLab is away. The environment may be prepared nevertheless. */
export type Beginning = Acknowledgement | 'unanswered';

/** A stage to run. */
export interface StageRequest {
  readonly stage: PlannedStage;
  /** 1 for the first try of the stage. Not Temporal's attempt: a retried activity re-attaches. */
  readonly attempt: number;
  /** CI_JOB_STATUS for the stage. */
  readonly jobStatus: JobStatus;
  /** Stages right before this one that only print a line. Absent in calls of 0.1.0. */
  readonly before?: readonly PlannedStage[];
}

/** A line of the trace about a person's command. */
export interface TraceNotice {
  /** Distinguishes the notice from the others of the build. */
  readonly key: string;
  readonly text: string;
}

/** One try of a stage. */
export interface StageTry {
  readonly name: StageName;
  readonly attempt: number;
}

/** How the running stage is stopped, and why. */
export interface StopRequest {
  readonly how: 'graceful' | 'kill';
  /** Printed in the trace. */
  readonly reason: string;
}

/** How a trace is uploaded. */
export interface UploadOptions {
  /** True: the build already knows that it is being canceled. */
  readonly ignoreCanceling: boolean;
  /**
   * Time limit of the job, in milliseconds, when this call must watch it. Absent in calls of 0.1.0.
   */
  readonly jobTimeoutMs?: number;
  /** True: nothing is sent before GitLab has acknowledged the job. */
  readonly awaitsAcknowledgement?: boolean;
  /**
   * True: a call whose trace is finished returns when the result is reported, so that both answers
   * can share a workflow task. An answer together with that of the release would make the server
   * refuse the end of the workflow once, which costs a replay of its whole history. The name is that
   * of an earlier release, whose nodes waited for the release.
   */
  readonly untilReleased?: boolean;
}

/**
 * `sealed`: the trace is finished. `overdue`: the job's time is over by the node's own clock,
 * whatever Temporal's clock says.
 */
export type UploadEnd = 'sealed' | 'canceling' | 'aborted' | 'overdue';
