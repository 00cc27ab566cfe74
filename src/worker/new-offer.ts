import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { BuildContext } from '../domain/build/context.ts';
import type { runBuild } from '../workflows/run-build.ts';

/**
 * What a record is of, when there is a build of its job already. `known`: of that build. `taken_back`:
 * of another offer of the job, which GitLab had taken back from a build of which nothing was begun, as
 * its runner was away for too long. `repeated`: of another offer after any other end.
 */
export type Offer = 'known' | 'taken_back' | 'repeated';

export async function judgeOffer(
  { buildId, receivedAtMs, adoption }: BuildContext,
  { workflow }: Client,
): Promise<Offer> {
  const handle = workflow.getHandle<typeof runBuild>(buildId);
  try {
    const { status, startTime } = await handle.describe();
    // A build is recorded before it is begun.
    const isOfBuild = adoption !== undefined || receivedAtMs <= startTime.getTime();
    if (isOfBuild || status.name === 'RUNNING') return 'known';
    if (status.name !== 'COMPLETED') return 'repeated';
    const outcome = await handle.result();
    return outcome.state === 'aborted' && outcome.wasTakenBack === true ? 'taken_back' : 'repeated';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return 'known';
    throw error;
  }
}

const REPEATED =
  'this job has run before, and GitLab has handed it out once more, as after a restore from a backup: ' +
  'it is not run twice. Retry it to run it anew';

/**
 * As a job that cannot be run: GitLab hears of it, unless it does not want to know, and never waits for
 * a job that nobody runs.
 */
export function refuseRepeated(context: BuildContext): BuildContext {
  if (context.rejection !== undefined) return context;
  return { ...context, rejection: REPEATED, rejectionReason: 'runner_system_failure' };
}
