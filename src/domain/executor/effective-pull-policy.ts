import { FailureType, FinalError } from '../failure.ts';
import type { DockerConfig, PullPolicy } from '../runner/config.ts';

/** The policies that job and configuration ask for. */
export interface PullPolicyInput {
  readonly image: string;
  /** The job's policies, in its order and not checked yet; empty when it names none. */
  readonly asked: readonly string[];
  readonly docker: Pick<DockerConfig, 'pullPolicy' | 'allowedPullPolicies'>;
}

/**
 * Returns the pull policies to try, in order: the job's, otherwise the configuration's, otherwise
 * `always`, without those that the configuration forbids. Throws `RunnerConfiguration` when none is
 * left, and names who asked for the forbidden one. Source: gitlab-runner `helpers/pull_policies`.
 */
export function planPullPolicies({ image, asked, docker }: PullPolicyInput): readonly PullPolicy[] {
  const configured: readonly PullPolicy[] =
    docker.pullPolicy.length > 0 ? docker.pullPolicy : ['always'];
  const allowed = docker.allowedPullPolicies.length > 0 ? docker.allowedPullPolicies : configured;
  const wanted: readonly string[] = asked.length > 0 ? asked : configured;
  const policies = wanted.flatMap((name) => allowed.filter((policy) => policy === name));
  if (policies.length > 0) return policies;

  const source =
    asked.length > 0
      ? 'GitLab pipeline config'
      : docker.pullPolicy.length > 0
        ? 'Runner config'
        : 'Runner config (default)';
  throw new FinalError(
    FailureType.RunnerConfiguration,
    `invalid pull policy for image ${JSON.stringify(image)}: pull_policy ([${wanted.join(' ')}]) ` +
      `defined in ${source} is not one of the allowed_pull_policies ([${allowed.join(' ')}])`,
  );
}
