import type { AttributePair } from '../domain/context/job-attributes.ts';

/** Temporal's workflows: a node starts, finds and signals them here. */
export interface Workflows {
  /** Starts a workflow. Returns false when `reuse` does not allow it. */
  start(start: WorkflowStart): Promise<boolean>;
  /** Signals the workflow of this id, and starts it first when none is running. */
  signalWithStart(start: WorkflowStart, signal: WorkflowSignal): Promise<void>;
  /** Returns false when no workflow of this id is running. */
  signal(workflowId: string, signal: WorkflowSignal): Promise<boolean>;
  /** Returns undefined when Temporal knows no workflow of this id. */
  describe(workflowId: string): Promise<WorkflowDescription | undefined>;
  /** Like `describe`, but decrypts nothing, so that it works for workflows of other keys too. */
  statusOf(workflowId: string): Promise<WorkflowStatus | undefined>;
  /**
   * Returns what a `completed` workflow has returned, or what a `failed` one has left in the
   * details of its failure; undefined when there is neither. The shape is not checked.
   */
  resultOf(workflowId: string): Promise<unknown>;
  /** Returns in words why an ended workflow has not completed; undefined when it has. */
  failureOf(workflowId: string): Promise<string | undefined>;
  /**
   * Asks Temporal to cancel the workflow of this id. A workflow that has ended, or does not exist,
   * is no error.
   */
  cancel(workflowId: string): Promise<void>;
}

/** A workflow to start. */
export interface WorkflowStart {
  /** Name of the workflow's type. */
  readonly type: string;
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly args: readonly unknown[];
  /**
   * How to treat a workflow of the same id. `reject`: never start another. `allow`: start one
   * unless one is running. `use_existing`: keep a running one, and count it as started.
   */
  readonly reuse: 'reject' | 'allow' | 'use_existing';
  readonly memo?: Record<string, unknown>;
  /** A Temporal duration, such as `3 seconds`. */
  readonly workflowTaskTimeout?: '3 seconds';
  readonly typedSearchAttributes?: AttributePair[];
  readonly staticSummary?: string;
  readonly staticDetails?: string;
}

/** A signal to send. */
export interface WorkflowSignal {
  readonly name: string;
  readonly args: readonly unknown[];
}

/**
 * `completed`, `failed` and `canceled`: the workflow's own code ended it. `ended`: somebody else
 * ended it.
 */
export type WorkflowStatus = 'running' | 'completed' | 'failed' | 'canceled' | 'ended';

/** The state of a workflow. */
export interface WorkflowDescription {
  readonly status: WorkflowStatus;
  readonly memo: Readonly<Record<string, unknown>> | undefined;
  /** When it was started, by Temporal's clock. */
  readonly startedAtMs: number;
}
