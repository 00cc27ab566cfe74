import type { JobSummary } from '../context/stage.ts';

/**
 * Whether the acknowledgement of the job and the preparation of its environment can be one call,
 * because nothing of the job has to happen between them. Secrets are fetched between them, and a
 * rejected job has no environment.
 */
export function canBeginInOneCall({
  rejection,
  plan,
}: Pick<JobSummary, 'rejection' | 'plan'>): boolean {
  return rejection === undefined && plan.secrets === undefined;
}
