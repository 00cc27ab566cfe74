import type { BuildOutcome } from '../context/outcome.ts';

/** Of a job as `gitlab_runner_jobs` and `/debug/jobs/list` name it. Source: gitlab-runner `common/build.go`. */
export type JobRuntimeState =
  'pending' | 'running' | 'success' | 'failed' | 'canceled' | 'terminated' | 'timedout';

/** What the docker executor does. Source: gitlab-runner `executors/docker/docker.go`. */
export type ExecutorStage =
  '' | 'created' | 'docker_prepare' | 'docker_run' | 'docker_cleanup' | 'finish';

/** How a job that has ended is named. `terminated`: GitLab wants nothing more of it. */
export function endStateOf(outcome: BuildOutcome): JobRuntimeState {
  switch (outcome.state) {
    case 'success':
      return 'success';
    case 'canceled':
      return 'canceled';
    case 'aborted':
      return 'terminated';
    case 'failed':
      return outcome.reason === 'job_execution_timeout' ? 'timedout' : 'failed';
  }
}

const RUNNING_COUNTS = new Set(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10+', '+Inf']);

/** GitLab's word for how many jobs of the project run. It bounds a label, so anything else is `+Inf`. */
export function projectJobsRunning(word: string | undefined): string {
  return word !== undefined && RUNNING_COUNTS.has(word) ? word : '+Inf';
}
