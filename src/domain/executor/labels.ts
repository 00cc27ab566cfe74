import type { BuildContext } from '../context/context.ts';
import { formatGoDuration } from '../job/go-duration.ts';
import { jobTimeoutSeconds } from '../variables/runner-variables.ts';
import type { Variables } from '../variables/variables.ts';
import { jobUrl, shortToken } from '../context/names.ts';

/** Label of everything that is removed with its build. Value: the id of the build. */
export const BUILD_LABEL = 'temporal-gitlab-runner.build';

const PREFIX = 'com.gitlab.gitlab-runner';

/**
 * Labels that people's clean-up scripts filter by, with `more` under the same prefix.
 * Source: gitlab-runner `executors/docker/internal/labels`.
 */
export function gitlabLabels(
  context: BuildContext,
  more: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const { job, runner } = context;
  const labels = {
    'job.id': `${job.id}`,
    'job.url': jobUrl(job),
    'job.sha': job.git_info.sha,
    'job.before_sha': job.git_info.before_sha,
    'job.ref': job.git_info.ref,
    'job.timeout': formatGoDuration(jobTimeoutSeconds(context) * 1000),
    'project.id': `${job.job_info.project_id}`,
    'project.runner_id': `${context.concurrentProjectId}`,
    'pipeline.id': `${job.job_info.pipeline_id}`,
    'runner.id': shortToken(runner.token),
    'runner.local_id': `${context.concurrentId}`,
    'runner.system_id': context.systemId,
    managed: 'true',
    ...more,
  };
  return gitlabLabelNames(labels);
}

/** The labels that the configuration adds to containers. */
export function configuredLabels(
  { runner }: BuildContext,
  variables: Variables,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(runner.docker.containerLabels).map(([name, value]) => [
      name,
      variables.expand(value),
    ]),
  );
}

/** The same labels under gitlab-runner's prefix. */
export function gitlabLabelNames(
  labels: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [`${PREFIX}.${name}`, value]),
  );
}
