import type { Workflows } from '../../ports/workflows.ts';
import type { BuildContext } from '../../domain/context/context.ts';

/**
 * What a record is of, when there is a build of its job already. `known`: of that build. `taken_back`:
 * of another offer of the job, which GitLab had taken back from a build of which nothing was begun, as
 * its runner was away for too long. `repeated`: of another offer after any other end.
 */
export type Offer = 'known' | 'taken_back' | 'repeated';

export async function judgeOffer(
  { buildId, receivedAtMs, adoption }: BuildContext,
  workflows: Workflows,
): Promise<Offer> {
  const description = await workflows.describe(buildId);
  if (description === undefined) return 'known';
  const { status, startedAtMs } = description;
  // A build is recorded before it is begun.
  const isOfBuild = adoption !== undefined || receivedAtMs <= startedAtMs;
  if (isOfBuild || status === 'running') return 'known';
  if (status !== 'completed') return 'repeated';
  return wasTakenBack(await workflows.resultOf(buildId)) ? 'taken_back' : 'repeated';
}

function wasTakenBack(outcome: unknown): boolean {
  const { state, wasTakenBack } = (outcome ?? {}) as Readonly<Record<string, unknown>>;
  return state === 'aborted' && wasTakenBack === true;
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
