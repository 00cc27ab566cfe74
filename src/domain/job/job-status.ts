/**
 * CI_JOB_STATUS as scripts see it. Source: gitlab-runner `common/build.go` runtimeStateToString.
 */
export type JobStatus = 'running' | 'success' | 'failed' | 'canceled' | 'timedout';
