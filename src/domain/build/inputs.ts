import { interpolateJob, NO_INTERPOLATIONS, type Interpolations } from '../job/interpolate-job.ts';
import { buildVariables } from '../variables/variables.ts';
import type { BuildContext } from '../context/context.ts';

type Draft = Omit<BuildContext, 'concurrentId' | 'concurrentProjectId'>;

/** A build with the inputs of its job inserted, and how that went. */
export interface DraftWithInputs {
  readonly draft: Draft;
  readonly interpolations: Interpolations;
}

/**
 * Returns a build with the job's inputs inserted, unless the job or the configuration turns that
 * off. An input that cannot be inserted rejects the job as the user's fault. Source: gitlab-runner
 * `common/build.go` (expandInputs).
 */
export function withInputs(draft: Draft): DraftWithInputs {
  const { job, rejection } = draft;
  if (rejection !== undefined || job.inputs.length === 0 || !wantsInputs(draft)) {
    return { draft, interpolations: NO_INTERPOLATIONS };
  }
  const { interpolations, ...result } = interpolateJob(job);
  const change =
    result.kind === 'job'
      ? { job: result.job }
      : { rejection: result.message, rejectionReason: 'runner_configuration_error' as const };
  return { draft: { ...draft, ...change }, interpolations };
}

/**
 * Whether inputs are inserted. Flags may already be read here, because none depends on the numbers
 * that a build gets later.
 */
function wantsInputs(draft: Draft): boolean {
  const context = { ...draft, concurrentId: 0, concurrentProjectId: 0 };
  const { featureFlags } = buildVariables(context, { jobStatus: 'running' });
  return featureFlags.isOn('FF_ENABLE_JOB_INPUTS_INTERPOLATION');
}
