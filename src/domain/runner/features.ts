/** Every feature, and whether this runner has it. */
export type RunnerFeatures = Readonly<typeof RUNNER_FEATURES>;

/**
 * This runner's features, for `info.features` of every call that sends `info`. All keys are always
 * sent. A feature is true only when it works. GitLab fails a job that needs a missing one as
 * `runner_unsupported`, instead of handing it out. Source: GitLab
 * `app/services/ci/register_job_service.rb`; gitlab-runner `common/network.go`,
 * `network/gitlab.go` (getFeatures), `executors/docker/docker_command.go`, `shells/abstract.go`.
 */
export const RUNNER_FEATURES = {
  variables: true,
  image: true,
  services: true,
  artifacts: true,
  cache: true,
  fallback_cache_keys: true,
  shared: false,
  upload_multiple_artifacts: true,
  upload_raw_artifacts: true,
  session: true,
  terminal: true,
  refspecs: true,
  masking: true,
  proxy: false,
  raw_variables: true,
  artifacts_exclude: true,
  multi_build_steps: true,
  trace_reset: true,
  trace_checksum: true,
  trace_size: true,
  vault_secrets: true,
  cancelable: true,
  return_exit_code: true,
  service_variables: true,
  service_multiple_aliases: true,
  image_executor_opts: true,
  service_executor_opts: true,
  cancel_gracefully: true,
  native_steps_integration: false,
  two_phase_job_commit: true,
  job_inputs: true,
};
