import type { BuildOutcome } from '../context/outcome.ts';

/**
 * The state of a job in `gitlab_runner_jobs` and `/debug/jobs/list`. Source: gitlab-runner
 * `common/build.go`.
 */
export type JobRuntimeState =
  | 'pending'
  | 'running'
  | 'success'
  | 'failed'
  | 'canceled'
  | 'terminated'
  | 'timedout';

/** The current work of the docker executor. Source: gitlab-runner `executors/docker/docker.go`. */
export type ExecutorStage =
  | ''
  | 'created'
  | 'docker_prepare'
  | 'docker_run'
  | 'docker_cleanup'
  | 'finish';

/** Returns the state of a job that has ended. `terminated`: GitLab wants nothing more of it. */
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

/**
 * Returns GitLab's word for the number of running jobs of the project. It is a label, whose values
 * must be few, so anything else becomes `+Inf`.
 */
export function projectJobsRunning(word: string | undefined): string {
  return word !== undefined && RUNNING_COUNTS.has(word) ? word : '+Inf';
}
