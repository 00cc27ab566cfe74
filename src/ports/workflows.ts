/** Temporal's workflows, as a node starts, looks up and signals them from outside. */
export interface Workflows {
  /** False when `reuse` does not allow it beside, or after, the workflow of this id. */
  start(start: WorkflowStart): Promise<boolean>;
  /** Signals the workflow of this id, which is started first when none runs. */
  signalWithStart(start: WorkflowStart, signal: WorkflowSignal): Promise<void>;
  /** False when there is no such workflow that runs. */
  signal(workflowId: string, signal: WorkflowSignal): Promise<boolean>;
  /** undefined when Temporal knows none of this id. */
  describe(workflowId: string): Promise<WorkflowDescription | undefined>;
  /** As `describe`, and nothing is decrypted: also for a workflow of other keys. */
  statusOf(workflowId: string): Promise<WorkflowStatus | undefined>;
  /** What a workflow that is `completed` has returned. Nothing is known of its shape. */
  resultOf(workflowId: string): Promise<unknown>;
}

export interface WorkflowStart {
  /** Name of the workflow's type. */
  readonly type: string;
  readonly workflowId: string;
  readonly taskQueue: string;
  readonly args: readonly unknown[];
  /**
   * What to do about a workflow of the same id. `reject`: start none, for ever. `allow`: start one
   * unless one runs. `use_existing`: leave one that runs as it is, and count it as started.
   */
  readonly reuse: 'reject' | 'allow' | 'use_existing';
  readonly memo?: Record<string, unknown>;
  /** A Temporal duration, such as `3 seconds`. */
  readonly workflowTaskTimeout?: '3 seconds';
  readonly staticSummary?: string;
  readonly staticDetails?: string;
}

export interface WorkflowSignal {
  readonly name: string;
  readonly args: readonly unknown[];
}

/** `ended`: in any other way than by its own return. */
export type WorkflowStatus = 'running' | 'completed' | 'ended';

export interface WorkflowDescription {
  readonly status: WorkflowStatus;
  readonly memo: Readonly<Record<string, unknown>> | undefined;
  /** By Temporal's clock. */
  readonly startedAtMs: number;
}
