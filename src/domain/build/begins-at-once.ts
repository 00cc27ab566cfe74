import type { JobSummary } from '../context/stage.ts';

/**
 * Whether nothing of the job has to happen between its acknowledgement and the preparation of its
 * environment, so that both can be one step. Secrets are fetched between them, and a rejected job
 * has no environment.
 */
export function beginsAtOnce({ rejection, plan }: Pick<JobSummary, 'rejection' | 'plan'>): boolean {
  return rejection === undefined && plan.secrets === undefined;
}
