import { formatGoDuration } from '../job/go-duration.ts';
import type { JobStatus } from '../job/job-status.ts';
import { failureReasonOf } from './failure-reason.ts';
import type {
  BuildOutcome,
  ExceededLimit,
  Interruption,
  StageOutcome,
} from '../context/outcome.ts';
import { formatJobTimeout, SCRIPT_TIMEOUT } from './result-line.ts';

type TimeOut = Extract<Interruption, { readonly timeoutMs: number }>;

/**
 * Decides how a build ends after its last stage that counts. An interruption explains a stopped
 * stage. The outcome of a stage that had already ended stays, except when GitLab wants nothing more
 * of the job. Source: gitlab-runner `common/build.go` (executeUserScripts, runtimeStateAndError).
 */
export function outcomeOfStages(
  last: StageOutcome,
  interruption: Interruption | undefined,
): BuildOutcome {
  if (interruption?.kind === 'aborted') return { state: 'aborted' };
  switch (last.kind) {
    case 'succeeded':
      return { state: 'success' };
    case 'script_failed':
      return {
        state: 'failed',
        reason: 'script_failure',
        exitCode: last.exitCode,
        message: `exit code ${last.exitCode}`,
      };
    case 'system_failed':
      return {
        state: 'failed',
        reason: failureReasonOf(last.type),
        exitCode: undefined,
        message: last.message,
      };
    case 'stopped':
      return outcomeOfStopped(interruption);
  }
}

/**
 * Returns the outcome when one of the runner's own stages exceeded its configured time-out. Source:
 * gitlab-runner `common/build.go` (ErrJobPrepareTimeout, ErrJobGetSourcesTimeout).
 */
export function outcomeOfOwnTimeout(
  stage: 'prepare' | 'get sources',
  timeoutMs: number,
): BuildOutcome {
  const message = `${stage} timeout: exceeded timeout of ${formatGoDuration(timeoutMs)}`;
  return outcomeOfTimeout(message, {
    limit: stage === 'prepare' ? stage : 'get_sources',
    timeoutMs,
  });
}

/**
 * Returns the outcome after an after_script that may change the result of its job. `timeoutMs` is
 * its time limit. As in gitlab-runner, the message is the same as for the time limit of the script.
 * Source: gitlab-runner `common/build.go`.
 */
export function outcomeOfAfterScript(last: StageOutcome, timeoutMs: number): BuildOutcome {
  return last.kind === 'stopped'
    ? outcomeOfTimeout(SCRIPT_TIMEOUT, { limit: 'after_script', timeoutMs })
    : outcomeOfStages(last, undefined);
}

function outcomeOfTimeout(message: string, exceeded: ExceededLimit): BuildOutcome {
  const reason = 'job_execution_timeout';
  return { state: 'failed', reason, exitCode: undefined, message, exceeded };
}

function outcomeOfStopped(interruption: Interruption | undefined): BuildOutcome {
  switch (interruption?.kind) {
    case 'canceling':
      return { state: 'canceled' };
    case 'aborted':
      return { state: 'aborted' };
    case 'job_timeout':
      return outcomeOfTimeout(formatJobTimeout(interruption.timeoutMs), exceededBy(interruption));
    case 'script_timeout':
      return outcomeOfTimeout(SCRIPT_TIMEOUT, exceededBy(interruption));
    case undefined:
      return {
        state: 'failed',
        reason: 'script_failure',
        exitCode: undefined,
        message: 'the stage was stopped',
      };
  }
}

function exceededBy({ kind, timeoutMs }: TimeOut): ExceededLimit {
  return { limit: kind === 'job_timeout' ? 'job' : 'script', timeoutMs };
}

/**
 * Returns CI_JOB_STATUS for after_script. Source: gitlab-runner `common/build.go`
 * (executeAfterScript).
 */
export function afterScriptStatus(
  result: BuildOutcome,
  interruption: Interruption | undefined,
): JobStatus {
  if (result.state === 'success') return 'success';
  if (result.state === 'canceled') return 'canceled';
  return interruption?.kind === 'script_timeout' ? 'timedout' : 'failed';
}
