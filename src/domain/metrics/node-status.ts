import type { ReadinessCheck } from './readiness.ts';
import type { WaitSummary } from './percentile.ts';

/**
 * The status of a running node, for the command `status`. Contains no token and no name of a job.
 */
export interface NodeStatus {
  readonly version: string;
  readonly pid: number;
  /** `starting`, `running`, … */
  readonly state: string;
  readonly uptimeSeconds: number;
  /** Absent while the node connects. */
  readonly temporal?: TemporalPlace | undefined;
  readonly slots: SlotUse;
  readonly isReady: boolean;
  readonly checks: readonly ReadinessCheck[];
  /** The runners, in the order of config.toml. */
  readonly runners: readonly RunnerStatus[];
}

/** Where a node finds Temporal. */
export interface TemporalPlace {
  readonly address: string;
  readonly namespace: string;
  /** Absent for a server that is not the node's own. */
  readonly ui?: string | undefined;
}

/** The slots under `concurrent`. */
export interface SlotUse {
  readonly concurrent: number;
  readonly builds: number;
  /** Number of open requests for a job. Each holds the slot that its job would take. */
  readonly requests: number;
  readonly free: number;
}

/** One `[[runners]]` entry since the node's process began. */
export interface RunnerStatus {
  readonly key: string;
  readonly name: string;
  /** Number of builds of this runner on this node. */
  readonly running: number;
  /** Jobs that GitLab said were waiting when it handed out the last one; absent before that. */
  readonly waiting?: number | undefined;
  readonly requests: number;
  /** The wait in GitLab's queue, as GitLab has told it. */
  readonly queue: WaitSummary;
  /** The wait from GitLab's answer to the first stage. */
  readonly pickup: WaitSummary;
  /** GitLab's last answer to a request for a job; absent before the first. */
  readonly lastContact?: ContactStatus | undefined;
}

/** An answer of GitLab. */
export interface ContactStatus {
  readonly secondsAgo: number;
  /** HTTP status; absent when there was no answer. */
  readonly status?: number | undefined;
  readonly isServed: boolean;
  readonly words: string;
}

/** Counts the slots of a node by their use. */
export function slotUse(capacity: {
  readonly concurrent: number;
  readonly buildsAlive: number;
  readonly requestsInFlight: number;
}): SlotUse {
  const { concurrent, buildsAlive: builds, requestsInFlight: requests } = capacity;
  return { concurrent, builds, requests, free: Math.max(0, concurrent - builds - requests) };
}
