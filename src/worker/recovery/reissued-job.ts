import type { WorkflowDescription, Workflows } from '../../ports/workflows.ts';
import { isOfSameOffer } from '../../domain/build/lease.ts';
import type { BuildContext } from '../../domain/context/context.ts';

/**
 * Tells which offer of a job a record belongs to. `first`: Temporal knows no build of the job.
 * `known`: the offer of the build that it knows. `taken_back`: a new offer after GitLab took the
 * job back from a build that never began, because its runner was away for too long. `repeated`: a
 * new offer after any other end.
 */
export type Offer = 'first' | 'known' | 'taken_back' | 'repeated';

export async function judgeOffer(
  context: BuildContext,
  found: WorkflowDescription | undefined,
  workflows: Pick<Workflows, 'resultOf'>,
): Promise<Offer> {
  if (found === undefined) return 'first';
  const { status, memo, startedAtMs } = found;
  // A build is recorded before it begins.
  const isOfBuild = isOfSameOffer(memo, context) ?? context.receivedAtMs <= startedAtMs;
  if (isOfBuild || status === 'running') return 'known';
  if (status !== 'completed' && status !== 'failed') return 'repeated';
  return wasTakenBack(await workflows.resultOf(context.buildId)) ? 'taken_back' : 'repeated';
}

function wasTakenBack(outcome: unknown): boolean {
  const { state, wasTakenBack } = (outcome ?? {}) as Readonly<Record<string, unknown>>;
  return state === 'aborted' && wasTakenBack === true;
}

const REPEATED =
  'this job has run before, and GitLab has handed it out once more, as after a restore from a backup: ' +
  'it is not run twice. Retry it to run it anew';

/**
 * Returns the context of a build that rejects the job, so that GitLab does not wait for a job that
 * nobody runs.
 */
export function refuseRepeated(context: BuildContext): BuildContext {
  if (context.rejection !== undefined) return context;
  return { ...context, rejection: REPEATED, rejectionReason: 'runner_system_failure' };
}
