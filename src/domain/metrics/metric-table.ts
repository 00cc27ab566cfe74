/** A metric in Prometheus' terms. Names and labels are part of the public contract. */
export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram, in the unit at the end of its name. */
  readonly buckets?: readonly number[];
}

const ENTRY = ['runner', 'runner_name', 'system_id'] as const;
const QUEUE_BUCKETS = [1, 3, 10, 30, 60, 120, 300, 900, 1800, 3600];

const counter = (help: string, labels: readonly string[] = []): MetricDefinition => ({
  kind: 'counter',
  help,
  labels,
});
const gauge = (help: string, labels: readonly string[] = []): MetricDefinition => ({
  kind: 'gauge',
  help,
  labels,
});
const histogram = (
  help: string,
  { labels, buckets }: Required<Pick<MetricDefinition, 'labels' | 'buckets'>>,
): MetricDefinition => ({ kind: 'histogram', help, labels, buckets });

/**
 * gitlab-runner's metrics, so that dashboards and alerts for it keep working. Metrics without
 * anything to count are missing: autoscaling, the job router, assumed roles, saved configurations,
 * the key `monitoring`, and the adaptive request limit, which a workflow keeps and not a node.
 * Source: gitlab-runner 19.4 `commands/multi.go`, `commands/builds_helper.go`, `network`, `common`.
 */
const GITLAB_RUNNER_METRICS = {
  gitlab_runner_jobs: gauge('Jobs that this node has now', [
    ...ENTRY,
    ...['state', 'stage', 'executor_stage'],
  ]),
  gitlab_runner_jobs_total: counter('Jobs that this node was given', ENTRY),
  gitlab_runner_failed_jobs_total: counter('Jobs that have failed', [
    ...['runner', 'runner_name', 'failure_reason', 'mode'],
  ]),
  gitlab_runner_job_duration_seconds: histogram('From the job to its result', {
    labels: [...ENTRY, 'mode'],
    buckets: [30, 60, 300, 600, 1800, 3600, 7200, 10800, 18000, 36000],
  }),
  gitlab_runner_job_queue_duration_seconds: histogram('How long GitLab has kept a job waiting', {
    labels: [...ENTRY, 'project_jobs_running'],
    buckets: QUEUE_BUCKETS,
  }),
  gitlab_runner_job_queue_size: gauge('Jobs in GitLab’s queue as the last one was given', ENTRY),
  gitlab_runner_job_queue_depth: gauge('Jobs looked at in GitLab’s queue for the last one', ENTRY),
  gitlab_runner_job_stage_duration_seconds: histogram(
    'Of each stage, where FF_EXPORT_HIGH_CARDINALITY_METRICS is set',
    { labels: [...ENTRY, 'stage'], buckets: QUEUE_BUCKETS },
  ),
  gitlab_runner_job_inputs_interpolations_total: counter('Texts of jobs with inputs inserted'),
  gitlab_runner_job_inputs_interpolation_failures_total: counter(
    'Texts of jobs in which inputs could not be inserted',
    ['error_type'],
  ),
  gitlab_runner_job_execution_mode_total: counter('Jobs by their way of execution', [
    ...['mode', 'executor'],
  ]),
  gitlab_runner_concurrent: gauge('The setting `concurrent` as it is in force'),
  gitlab_runner_limit: gauge('The setting `limit` of the runner', ENTRY),
  gitlab_runner_request_concurrency: gauge('Requests for a job that are under way', [
    ...['runner', 'system_id'],
  ]),
  gitlab_runner_request_concurrency_exceeded_total: counter(
    'Requests beyond `request_concurrency`',
    ['runner', 'system_id'],
  ),
  gitlab_runner_request_concurrency_hard_limit: gauge('The setting `request_concurrency`', [
    ...['runner', 'system_id'],
  ]),
  gitlab_runner_worker_feeds_total: counter('Requests for a job that were sent', ENTRY),
  gitlab_runner_worker_feed_failures_total: counter(
    'Requests for a job that were not sent: no room, or Docker or Temporal away',
    ENTRY,
  ),
  gitlab_runner_worker_health_check_failures_total: counter(
    'Requests for a job that GitLab has refused',
    ENTRY,
  ),
  gitlab_runner_worker_slots_number: gauge('Builds that this node may run at once'),
  gitlab_runner_worker_slot_operations_total: counter('Slots begun and ended by `concurrent`', [
    'operation',
  ]),
  gitlab_runner_worker_processing_failures_total: counter('Jobs that came to no good end', [
    ...['failure_type', ...ENTRY],
  ]),
  gitlab_runner_api_request_statuses_total: counter('Answers of GitLab by their status', [
    ...['runner', 'system_id', 'endpoint', 'status', 'method'],
  ]),
  gitlab_runner_api_request_duration_seconds: histogram('How long GitLab took to answer', {
    labels: ['runner', 'system_id', 'endpoint', 'status_class', 'method'],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  }),
  gitlab_runner_api_request_retries_total: counter('Tries of requests to GitLab', [
    ...['path', 'method'],
  ]),
  gitlab_runner_configuration_loaded_total: counter('Readings of config.toml'),
  gitlab_runner_configuration_loading_error_total: counter('Failed readings of config.toml'),
  gitlab_runner_errors_total: counter('Lines of the log by their level', ['level']),
  gitlab_runner_version_info: gauge('1, with what this program is', [
    ...['name', 'version', 'revision', 'branch', 'go_version', 'built_at', 'os', 'architecture'],
  ]),
  gitlab_runner_process_state_info: gauge('1 for the state that the process is in', ['state']),
} as const;

/** Metrics that gitlab-runner does not have. */
const OWN_METRICS = {
  temporal_gitlab_runner_slots: gauge('Slots of this node by their use', ['use']),
  temporal_gitlab_runner_intake_paused: gauge('1 while no job is asked for, for this reason', [
    'reason',
  ]),
  temporal_gitlab_runner_spool_bytes: gauge('Bytes of all builds in the state directory'),
  temporal_gitlab_runner_stage_reattachments_total: counter(
    'Stages that were found running, or ended, by another call than the one that began them',
    ENTRY,
  ),
  temporal_gitlab_runner_recovered_builds_total: counter(
    'Builds of an earlier process that went on, or were begun, in this one',
    ENTRY,
  ),
  temporal_gitlab_runner_trace_lag_bytes: gauge('Bytes of logs that GitLab does not have', ENTRY),
  temporal_gitlab_runner_trace_lag_seconds: gauge(
    'How long the log that is farthest behind has been so',
    ENTRY,
  ),
  temporal_gitlab_runner_pickup_duration_seconds: histogram('From the job to its first stage', {
    labels: [...ENTRY],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  }),
  temporal_gitlab_runner_last_contact_timestamp_seconds: gauge(
    'When GitLab has last answered a request for a job',
    ENTRY,
  ),
} as const;

/**
 * Every metric of this program. A scrape also has those of the process, of Node and of Temporal's
 * SDK.
 */
export const METRICS = { ...GITLAB_RUNNER_METRICS, ...OWN_METRICS };

/** Name of a metric of this program. */
export type MetricName = keyof typeof METRICS;
