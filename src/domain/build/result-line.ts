import { formatGoDuration } from '../job/go-duration.ts';
import { formatRunnerLine } from '../trace/sections.ts';
import type { BuildOutcome } from '../context/outcome.ts';

/** A line of the runner itself, before its colour is chosen. */
export interface ResultText {
  readonly level: 'info' | 'error';
  readonly text: string;
}

/**
 * Returns the last line of a trace; undefined when GitLab no longer wants the trace. Source:
 * gitlab-runner `common/build.go` (setTraceStatus).
 */
export function describeResult(outcome: BuildOutcome): ResultText | undefined {
  switch (outcome.state) {
    case 'success':
      return { level: 'info', text: 'Job succeeded' };
    case 'failed': {
      const mark = outcome.reason === 'runner_system_failure' ? ' (system failure)' : '';
      return { level: 'error', text: `Job failed${mark}: ${outcome.message}` };
    }
    case 'canceled':
      return { level: 'error', text: 'Job failed: canceled' };
    case 'aborted':
      return undefined;
  }
}

/** Formats the last line of a trace with colours and line end. It is not masked yet. */
export function formatResultLine(outcome: BuildOutcome): string | undefined {
  const result = describeResult(outcome);
  return result && formatRunnerLine(result.level, result.text);
}

/**
 * Describes a build that failed because its job exceeded its time-out. Like gitlab-runner, this
 * adds "seconds" after a duration that already has units.
 */
export function formatJobTimeout(timeoutMs: number): string {
  return `execution took longer than ${formatGoDuration(timeoutMs)} seconds`;
}

/**
 * The message of a build that failed because its script exceeded RUNNER_SCRIPT_TIMEOUT. The line
 * about the stop names the limit. Source: gitlab-runner `common/build.go` (ErrJobScriptTimeout).
 */
export const SCRIPT_TIMEOUT = 'script timeout: context deadline exceeded';
