import { interpolateJob } from '../job/interpolate-job.ts';
import { buildVariables } from '../variables/variables.ts';
import type { BuildContext } from '../context/context.ts';

type Draft = Omit<BuildContext, 'concurrentId' | 'concurrentProjectId'>;

/**
 * A build with the inputs of its job put in, unless its job or the configuration wants them left as
 * they are. What cannot be put in is the job's own fault. Source: gitlab-runner `common/build.go`
 * (expandInputs).
 */
export function withInputs(draft: Draft): Draft {
  const { job, rejection } = draft;
  if (rejection !== undefined || job.inputs.length === 0 || !wantsInputs(draft)) return draft;
  const result = interpolateJob(job);
  return result.kind === 'job'
    ? { ...draft, job: result.job }
    : { ...draft, rejection: result.message, rejectionReason: 'runner_configuration_error' };
}

/** No flag depends on the numbers that a build is given later. */
function wantsInputs(draft: Draft): boolean {
  const context = { ...draft, concurrentId: 0, concurrentProjectId: 0 };
  const { featureFlags } = buildVariables(context, { jobStatus: 'running' });
  return featureFlags.isOn('FF_ENABLE_JOB_INPUTS_INTERPOLATION');
}
