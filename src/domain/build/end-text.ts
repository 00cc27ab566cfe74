import type { BuildOutcome } from '../context/outcome.ts';

/**
 * Marks a log line of a workflow that ends as its job did. Such a line reports no fault of the
 * program.
 */
export const END_OF_BUILD = 'end_of_build';

/** How a build ended, for people who look at Temporal. */
export interface BuildEnd {
  /** The failure reason that GitLab is told, or the state of the build. */
  readonly type: string;
  /** Reason, exit code and stage, in words of closed lists. It contains nothing of the job. */
  readonly text: string;
}

const STAGE_NAME = /^[a-z][a-z0-9_-]{0,60}$/i;

/**
 * Describes the end of a build that was not successful. `stage` is the first one that did not
 * succeed, if there is one.
 */
export function describeEnd(
  outcome: Exclude<BuildOutcome, { state: 'success' }>,
  stage: string | undefined,
): BuildEnd {
  const place = stage !== undefined && STAGE_NAME.test(stage) ? ` in ${stage}` : '';
  switch (outcome.state) {
    case 'failed': {
      const { reason, exitCode } = outcome;
      const code = exitCode === undefined ? '' : `, exit code ${exitCode}`;
      const isTimeout = reason === 'job_execution_timeout';
      return { type: reason, text: `${isTimeout ? 'timed out' : reason}${code}${place}` };
    }
    case 'canceled':
      return { type: 'job_canceled', text: `canceled${place}` };
    case 'aborted':
      return outcome.wasTakenBack === true
        ? { type: 'taken_back', text: 'taken back by GitLab before anything of it was begun' }
        : { type: 'job_canceled', text: `ended by GitLab${place}` };
  }
}
