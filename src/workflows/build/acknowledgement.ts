import type { Acknowledgement } from '../../activities/contract.ts';
import type { BuildOutcome } from '../../domain/context/outcome.ts';
import type { JobSummary } from '../../domain/context/stage.ts';
import type { BuildScope } from '../failover/node-assignment.ts';
import { outcomeOfFailure } from '../node/activity-failure.ts';
import type { BuildRun } from '../node/build-run.ts';

/**
 * Tells GitLab that the job runs, before any script of it begins. Returns an outcome when the build
 * ends here.
 */
export async function acknowledge(
  job: JobSummary,
  { assignment, run }: BuildScope,
): Promise<BuildOutcome | undefined> {
  try {
    const answer = await assignment.onNode((node) =>
      node.quick.acknowledgeJob({ buildId: job.buildId }),
    );
    return settleAcknowledgement(answer, job, run);
  } catch (error) {
    return outcomeOfFailure(error, run.interruption);
  }
}

/** Records GitLab's answer. Returns an outcome when the build ends with it. */
export function settleAcknowledgement(
  answer: Acknowledgement,
  job: Pick<JobSummary, 'rejection'>,
  run: BuildRun,
): BuildOutcome | undefined {
  run.progress.isAcknowledged = true;
  if (answer === 'canceling') run.interrupt({ kind: 'canceling' });
  if (answer !== 'taken' && answer !== 'gone') return undefined;
  run.progress.isRefused = true;
  // `wasTakenBack` allows another build of the job. A build that only rejects the job must not set
  // it.
  const wasTakenBack = answer === 'taken' && job.rejection === undefined;
  return { state: 'aborted', ...(wasTakenBack && { wasTakenBack }) };
}
