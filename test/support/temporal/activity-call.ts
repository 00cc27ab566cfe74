import { asyncLocalStorage, Context } from '@temporalio/activity';
import { CancelledFailure, noopMetricMeter } from '@temporalio/common';

/** One call of an activity, as a worker makes it, without a server. */
export interface ActivityCall {
  readonly run: <T>(work: () => Promise<T>) => Promise<T>;
  /** Cancels the call. The reasons are those of Temporal, for instance `WORKER_SHUTDOWN`. */
  readonly cancel: (reason: string) => void;
  readonly heartbeats: () => number;
}

/**
 * Opens a call. `MockActivityEnvironment` of `@temporalio/testing` does the same, but loads all of
 * the worker and of the client, which takes longer than most tests of activities.
 */
export function openActivityCall(): ActivityCall {
  const ending = new AbortController();
  const { signal } = ending;
  const cancelled = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as CancelledFailure));
  });
  cancelled.catch(() => undefined); // not every activity listens
  let heartbeats = 0;
  const context = new Context(
    INFO,
    cancelled,
    signal,
    () => (heartbeats += 1),
    undefined,
    SILENT,
    noopMetricMeter,
    {},
  );
  return {
    run: (work) => asyncLocalStorage.run(context, async () => work()),
    cancel: (reason) => ending.abort(new CancelledFailure(reason)),
    heartbeats: () => heartbeats,
  };
}

/** The name of the namespace that the SDK has deprecated is missing. */
const INFO = {
  taskToken: Buffer.from('test'),
  base64TaskToken: Buffer.from('test').toString('base64'),
  activityId: 'test',
  activityType: 'test',
  attempt: 1,
  isLocal: false,
  scheduledTimestampMs: 1,
  scheduleToCloseTimeoutMs: 1_000,
  startToCloseTimeoutMs: 1_000,
  currentAttemptScheduledTimestampMs: 1,
  heartbeatDetails: undefined,
  taskQueue: 'test',
  namespace: 'default',
  inWorkflow: true,
  workflowExecution: { workflowId: 'serve-runner/test', runId: 'run' },
} as Partial<Context['info']> as Context['info'];

const ignore = (): void => undefined;
const SILENT: Context['log'] = {
  ...{ log: ignore, trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore },
};
