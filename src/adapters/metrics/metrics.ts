import { apiEndpointOf, pathTemplateOf } from '../../domain/metrics/api-endpoint.ts';
import {
  endStateOf,
  projectJobsRunning,
  type JobRuntimeState,
} from '../../domain/metrics/job-state.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import type { BuildOutcome } from '../../domain/context/outcome.ts';
import { shortToken } from '../../domain/context/names.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { ApiAnswer, Clock, Metrics, RequestEnd, StageAt } from '../../ports/index.ts';
import { createJobBoard, type JobBoard } from './job-board.ts';
import { createRegistry, type Labels, type MetricRegistry } from './registry.ts';
import { createRunnerBoard, keepLast, type RunnerBoard } from './runner-board.ts';

/** CI steps are not supported: every job is run the traditional way. */
const MODE = 'traditional';

/** The counts of a node, with methods to read them. */
export interface NodeMetrics extends Metrics {
  readonly registry: MetricRegistry;
  readonly jobs: JobBoard;
  readonly runners: RunnerBoard;
  /** Labels that name an entry of config.toml. */
  labelsOf(runner: RunnerConfig): EntryLabels;
}

export interface EntryLabels extends Labels {
  readonly runner: string;
  readonly runner_name: string;
  readonly system_id: string;
}

export interface MetricsOptions {
  readonly systemId: string;
  readonly clock: Clock;
}

/** Everything that a node counts, held in memory since the process began. */
export function createMetrics(options: MetricsOptions): NodeMetrics {
  const counts: Counts = {
    registry: createRegistry(),
    jobs: createJobBoard(),
    runners: createRunnerBoard(),
    clock: options.clock,
    labelsOf: ({ token, name }) => ({
      runner: shortToken(token),
      runner_name: name,
      system_id: options.systemId,
    }),
  };
  const { registry, jobs, labelsOf } = counts;
  return {
    ...counts,
    requestBegan: (runner) => countRequest(runner, counts),
    requestSkipped: (runner) =>
      registry.add('gitlab_runner_worker_feed_failures_total', labelsOf(runner)),
    apiAnswered: (runner, answer) => countAnswer(runner, answer, counts),
    jobReceived: (context) => countJob(context, counts),
    inputsInterpolated: ({ texts, fault }) => {
      registry.add('gitlab_runner_job_inputs_interpolations_total', {}, texts);
      if (fault === undefined) return;
      registry.add('gitlab_runner_job_inputs_interpolation_failures_total', { error_type: fault });
    },
    jobRefused: (runner) => countProcessingFailure(runner, 'other', counts),
    stageBegan: (context, at) => beginStage(context, at, counts),
    jobEnded: (context, outcome) => countEnd(context, outcome, counts),
    jobReleased: (buildId) => jobs.remove(buildId),
    stageReattached: ({ runner }) =>
      registry.add('temporal_gitlab_runner_stage_reattachments_total', labelsOf(runner)),
    buildRecovered: (context) => {
      jobs.change(context, {});
      registry.add('temporal_gitlab_runner_recovered_builds_total', labelsOf(context.runner));
    },
    traceSent: (context, lagBytes) => changeLag(context, lagBytes, counts),
  };
}

type Counts = Pick<NodeMetrics, 'registry' | 'jobs' | 'runners' | 'labelsOf'> & {
  readonly clock: Clock;
};

function countRequest(runner: RunnerConfig, counts: Counts): (end: RequestEnd) => void {
  const { registry, runners, labelsOf } = counts;
  const labels = labelsOf(runner);
  const { runner: token, system_id } = labels;
  const record = runners.of(runner.key);
  record.requestsUnderWay += 1;
  registry.add('gitlab_runner_worker_feeds_total', labels);
  if (record.requestsUnderWay > runner.requestConcurrency) {
    registry.add('gitlab_runner_request_concurrency_exceeded_total', { runner: token, system_id });
  }
  return (end) => {
    record.requestsUnderWay -= 1;
    if (end !== 'forbidden') return;
    registry.add('gitlab_runner_worker_health_check_failures_total', labels);
  };
}

function countAnswer(runner: RunnerConfig, answer: ApiAnswer, counts: Counts): void {
  const { registry, runners, clock, labelsOf } = counts;
  const { runner: token, system_id } = labelsOf(runner);
  const { path, status, durationMs } = answer;
  const method = answer.method.toLowerCase();
  registry.add('gitlab_runner_api_request_retries_total', { path: pathTemplateOf(path), method });
  const endpoint = apiEndpointOf(answer.method, path);
  if (endpoint === 'request_job') {
    const record = runners.of(runner.key);
    record.lastContact = { atMs: clock.nowMs(), status };
    if (status !== undefined) record.lastAnswerMs = clock.nowMs();
  }
  if (endpoint === undefined || status === undefined) return;
  const labels = { runner: token, system_id, endpoint, method };
  registry.add('gitlab_runner_api_request_statuses_total', { ...labels, status });
  const status_class = `${Math.floor(status / 100)}xx`;
  const name = 'gitlab_runner_api_request_duration_seconds';
  registry.observe(name, { ...labels, status_class }, durationMs / 1000);
}

function countJob(context: BuildContext, counts: Counts): void {
  const { registry, jobs, runners, labelsOf } = counts;
  const { runner, job } = context;
  const labels = labelsOf(runner);
  const { time_in_queue_seconds, queue_size, queue_depth, ...info } = job.job_info;
  const record = runners.of(runner.key);
  record.queue = { size: queue_size, depth: queue_depth };
  keepLast(record.queueSeconds, time_in_queue_seconds);
  jobs.change(context, {});
  registry.add('gitlab_runner_jobs_total', labels);
  const executor = runner.executor;
  registry.add('gitlab_runner_job_execution_mode_total', { mode: MODE, executor });
  registry.observe(
    'gitlab_runner_job_queue_duration_seconds',
    {
      ...labels,
      project_jobs_running: projectJobsRunning(info.project_jobs_running_on_instance_runners_count),
    },
    time_in_queue_seconds,
  );
}

function beginStage(context: BuildContext, at: StageAt, counts: Counts): () => void {
  const { registry, jobs, clock, labelsOf } = counts;
  const { stage, executorStage } = at;
  const sinceMs = clock.monotonicMs();
  if (isFirstStage(context, at, jobs)) countPickup(context, counts);
  // A job that has ended stays so, or a repeated report of its result would count it again.
  const before = jobs.read(context.buildId)?.state ?? 'pending';
  const state = isOver(before) ? before : 'running';
  jobs.change(context, { state, stage, executorStage });
  return () => {
    if (at.isMeasured !== true || !wantsStageTimes(context)) return;
    const seconds = (clock.monotonicMs() - sinceMs) / 1000;
    const labels = { ...labelsOf(context.runner), stage };
    registry.observe('gitlab_runner_job_stage_duration_seconds', labels, seconds);
  };
}

/**
 * Whether the build enters its first stage. The answer is false for a build that an earlier process
 * has begun, because its beginning is not known here.
 */
function isFirstStage({ buildId }: BuildContext, at: StageAt, jobs: JobBoard): boolean {
  const before = jobs.read(buildId)?.executorStage;
  return at.executorStage === 'docker_run' && before === 'docker_prepare';
}

function countPickup({ runner, receivedAtMs }: BuildContext, counts: Counts): void {
  const { registry, runners, clock, labelsOf } = counts;
  const seconds = Math.max(0, clock.nowMs() - receivedAtMs) / 1000;
  keepLast(runners.of(runner.key).pickupSeconds, seconds);
  registry.observe('temporal_gitlab_runner_pickup_duration_seconds', labelsOf(runner), seconds);
}

function wantsStageTimes(context: BuildContext): boolean {
  const { featureFlags } = buildVariables(context, { jobStatus: 'running' });
  return featureFlags.isOn('FF_EXPORT_HIGH_CARDINALITY_METRICS');
}

/** A call may end after the build was released, or given up because another node has it. */
function changeLag(context: BuildContext, lagBytes: number, { jobs, clock }: Counts): void {
  const known = jobs.read(context.buildId);
  if (known === undefined) return;
  const sinceMs = known.lagSinceMs ?? clock.monotonicMs();
  jobs.change(context, { lagBytes, lagSinceMs: lagBytes > 0 ? sinceMs : undefined });
}

/**
 * Counts the end of a build once, however often its result is reported, and not when another node
 * has the build.
 */
function countEnd(context: BuildContext, outcome: BuildOutcome, counts: Counts): void {
  const { registry, jobs, clock, labelsOf } = counts;
  const { runner, receivedAtMs } = context;
  const known = jobs.read(context.buildId);
  if (known === undefined || isOver(known.state)) return;
  // What GitLab lacks of the log now, it does not want.
  jobs.change(context, { state: endStateOf(outcome), lagBytes: 0, lagSinceMs: undefined });
  const labels = labelsOf(runner);
  const seconds = Math.max(0, clock.nowMs() - receivedAtMs) / 1000;
  registry.observe('gitlab_runner_job_duration_seconds', { ...labels, mode: MODE }, seconds);
  const reason = failureReasonOf(outcome);
  if (reason === undefined) return;
  const { runner: token, runner_name } = labels;
  const failed = { runner: token, runner_name, failure_reason: reason, mode: MODE };
  registry.add('gitlab_runner_failed_jobs_total', failed);
  countProcessingFailure(runner, 'job_failure', counts);
}

function isOver(state: JobRuntimeState): boolean {
  return state !== 'pending' && state !== 'running';
}

function failureReasonOf(outcome: BuildOutcome): string | undefined {
  if (outcome.state === 'failed') return outcome.reason;
  return outcome.state === 'canceled' ? 'job_canceled' : undefined;
}

function countProcessingFailure(
  runner: RunnerConfig,
  failureType: 'other' | 'job_failure',
  { registry, labelsOf }: Counts,
): void {
  const labels = { ...labelsOf(runner), failure_type: failureType };
  registry.add('gitlab_runner_worker_processing_failures_total', labels);
}
