import type { BuildOutcome, ExceededLimit } from '../context/outcome.ts';
import { formatGoDuration } from '../job/go-duration.ts';

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

/** Each limit by the name with which people set it. */
const LIMIT_NAMES: Readonly<Record<ExceededLimit['limit'], string>> = {
  job: "the job's time-out",
  script: 'RUNNER_SCRIPT_TIMEOUT',
  after_script: 'RUNNER_AFTER_SCRIPT_TIMEOUT',
  prepare: 'prepare_timeout',
  get_sources: 'get_sources_timeout',
};

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
      const { reason, exitCode, exceeded } = outcome;
      if (reason === 'job_execution_timeout') {
        return {
          type: reason,
          text: `timed out${exceeded ? describeLimit(exceeded) : ''}${place}`,
        };
      }
      const code = exitCode === undefined ? '' : `, exit code ${exitCode}`;
      return { type: reason, text: `${reason}${code}${place}` };
    }
    case 'canceled':
      return { type: 'job_canceled', text: `canceled${place}` };
    case 'aborted':
      return outcome.wasTakenBack === true
        ? { type: 'taken_back', text: 'taken back by GitLab before anything of it was begun' }
        : { type: 'job_canceled', text: `ended by GitLab${place}` };
  }
}

function describeLimit({ limit, timeoutMs }: ExceededLimit): string {
  return ` after ${formatGoDuration(timeoutMs)} (${LIMIT_NAMES[limit]})`;
}
