import type { BoardEntry } from '../../adapters/metrics/job-board.ts';
import type { NodeMetrics } from '../../adapters/metrics/metrics.ts';
import type { ResizableCapacity } from '../../adapters/state/node-capacity.ts';
import { slotUse } from '../../domain/metrics/node-status.ts';
import type { InstallationConfig } from '../../domain/runner/config.ts';

export interface GaugeScope {
  readonly metrics: NodeMetrics;
  readonly config: InstallationConfig;
  readonly capacity: Pick<
    ResizableCapacity,
    'concurrent' | 'buildsAlive' | 'requestsInFlight' | 'pauses'
  >;
  readonly spoolBytes: number;
  readonly processState: string;
  readonly nowMs: number;
}

/**
 * Sets the gauges, whose values are looked up and not counted. Called right before a scrape is
 * answered.
 */
export function setGauges(scope: GaugeScope): void {
  setSlots(scope);
  setRunners(scope);
  setJobs(scope);
  const { registry } = scope.metrics;
  registry.set('temporal_gitlab_runner_spool_bytes', {}, scope.spoolBytes);
  registry.reset('gitlab_runner_process_state_info');
  registry.set('gitlab_runner_process_state_info', { state: scope.processState }, 1);
}

function setSlots({ metrics: { registry }, config, capacity }: GaugeScope): void {
  const { concurrent, ...uses } = slotUse(capacity);
  registry.set('gitlab_runner_concurrent', {}, config.concurrent);
  registry.set('gitlab_runner_worker_slots_number', {}, concurrent);
  for (const [use, count] of Object.entries(uses)) {
    registry.set('temporal_gitlab_runner_slots', { use }, count);
  }
  registry.reset('temporal_gitlab_runner_intake_paused');
  for (const reason of capacity.pauses) {
    registry.set('temporal_gitlab_runner_intake_paused', { reason }, 1);
  }
}

/** The gauges with a row for each runner, which goes when the runner is removed. */
const RUNNER_GAUGES = [
  'gitlab_runner_limit',
  'gitlab_runner_request_concurrency',
  'gitlab_runner_request_concurrency_hard_limit',
  'gitlab_runner_job_queue_size',
  'gitlab_runner_job_queue_depth',
  'temporal_gitlab_runner_last_contact_timestamp_seconds',
] as const;

function setRunners({ metrics, config }: GaugeScope): void {
  const { registry, runners, labelsOf } = metrics;
  for (const name of RUNNER_GAUGES) registry.reset(name);
  for (const entry of config.runners) {
    const labels = labelsOf(entry);
    const { runner, system_id } = labels;
    const { requestsUnderWay, lastAnswerMs, queue } = runners.read(entry.key);
    const short = { runner, system_id };
    registry.set('gitlab_runner_limit', labels, entry.limit);
    registry.set('gitlab_runner_request_concurrency', short, requestsUnderWay);
    const hardLimit = entry.requestConcurrency;
    registry.set('gitlab_runner_request_concurrency_hard_limit', short, hardLimit);
    // The counters begin at 0, because a rate needs a value before the first event.
    registry.add('gitlab_runner_request_concurrency_exceeded_total', short, 0);
    registry.add('gitlab_runner_worker_health_check_failures_total', labels, 0);
    registry.add('gitlab_runner_worker_feeds_total', labels, 0);
    registry.add('gitlab_runner_worker_feed_failures_total', labels, 0);
    registry.add('gitlab_runner_jobs_total', labels, 0);
    if (queue !== undefined) {
      registry.set('gitlab_runner_job_queue_size', labels, queue.size ?? 0);
      registry.set('gitlab_runner_job_queue_depth', labels, queue.depth ?? 0);
    }
    if (lastAnswerMs === undefined) continue;
    const name = 'temporal_gitlab_runner_last_contact_timestamp_seconds';
    registry.set(name, labels, lastAnswerMs / 1000);
  }
}

/**
 * Sets the numbers of jobs, with an idle row for each runner. Source: gitlab-runner
 * `commands/builds_helper.go` (statesAndStages).
 */
function setJobs({ metrics, config, nowMs }: GaugeScope): void {
  const { registry, jobs, labelsOf } = metrics;
  registry.reset('gitlab_runner_jobs');
  registry.reset('temporal_gitlab_runner_trace_lag_bytes');
  registry.reset('temporal_gitlab_runner_trace_lag_seconds');
  for (const entry of config.runners) {
    const idle = { ...labelsOf(entry), state: 'idle', stage: 'idle', executor_stage: 'idle' };
    registry.set('gitlab_runner_jobs', idle, 0);
    registry.set('temporal_gitlab_runner_trace_lag_bytes', labelsOf(entry), 0);
    registry.set('temporal_gitlab_runner_trace_lag_seconds', labelsOf(entry), 0);
  }
  // Sorted, so that the longest delay of each runner is set last and stays.
  const lagSeconds = ({ lagSinceMs }: BoardEntry): number =>
    lagSinceMs === undefined ? 0 : (nowMs - lagSinceMs) / 1000;
  for (const job of jobs.list().toSorted((a, b) => lagSeconds(a) - lagSeconds(b))) {
    const { context, state, stage, executorStage: executor_stage } = job;
    const labels = labelsOf(context.runner);
    registry.increase('gitlab_runner_jobs', { ...labels, state, stage, executor_stage });
    registry.increase('temporal_gitlab_runner_trace_lag_bytes', labels, job.lagBytes);
    registry.set('temporal_gitlab_runner_trace_lag_seconds', labels, lagSeconds(job));
  }
}
