import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import type { BuildContext } from '../domain/build/context.ts';
import type { runBuild } from '../workflows/run-build.ts';

/**
 * Whether GitLab has handed a job out anew, after it had taken it back from a build of which nothing
 * was begun: a runner that was away for too long. Of any other end nothing may follow.
 */
export async function wasTakenBackBefore(
  { buildId, receivedAtMs }: BuildContext,
  { workflow }: Client,
): Promise<boolean> {
  const handle = workflow.getHandle<typeof runBuild>(buildId);
  try {
    const { status, startTime } = await handle.describe();
    // A build is recorded before it is begun: that record is of the offer that was taken back.
    if (status.name !== 'COMPLETED' || receivedAtMs <= startTime.getTime()) return false;
    const outcome = await handle.result();
    return outcome.state === 'aborted' && outcome.wasTakenBack === true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}
