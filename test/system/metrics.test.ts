import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { openInstallation, type Installation } from '../support/installation.ts';
import { NO_GIT } from '../support/scenario.ts';

/**
 * The names and labels of gitlab-runner 19.4. Scrapers rely on them, so the test does not take them
 * from src.
 */
const GITLAB_RUNNER: Readonly<Record<string, string>> = {
  gitlab_runner_jobs: 'executor_stage runner runner_name stage state system_id',
  gitlab_runner_jobs_total: 'runner runner_name system_id',
  gitlab_runner_failed_jobs_total: 'failure_reason mode runner runner_name',
  gitlab_runner_job_duration_seconds_bucket: 'le mode runner runner_name system_id',
  gitlab_runner_job_queue_duration_seconds_bucket:
    'le project_jobs_running runner runner_name system_id',
  gitlab_runner_job_queue_size: 'runner runner_name system_id',
  gitlab_runner_job_queue_depth: 'runner runner_name system_id',
  gitlab_runner_job_stage_duration_seconds_bucket: 'le runner runner_name stage system_id',
  gitlab_runner_job_inputs_interpolations_total: '',
  gitlab_runner_job_inputs_interpolation_failures_total: 'error_type',
  gitlab_runner_job_execution_mode_total: 'executor mode',
  gitlab_runner_concurrent: '',
  gitlab_runner_limit: 'runner runner_name system_id',
  gitlab_runner_request_concurrency: 'runner system_id',
  gitlab_runner_request_concurrency_exceeded_total: 'runner system_id',
  gitlab_runner_request_concurrency_hard_limit: 'runner system_id',
  gitlab_runner_worker_feeds_total: 'runner runner_name system_id',
  gitlab_runner_worker_feed_failures_total: 'runner runner_name system_id',
  gitlab_runner_worker_health_check_failures_total: 'runner runner_name system_id',
  gitlab_runner_worker_slots_number: '',
  gitlab_runner_worker_slot_operations_total: 'operation',
  gitlab_runner_worker_processing_failures_total: 'failure_type runner runner_name system_id',
  gitlab_runner_api_request_statuses_total: 'endpoint method runner status system_id',
  gitlab_runner_api_request_duration_seconds_bucket:
    'endpoint le method runner status_class system_id',
  gitlab_runner_api_request_retries_total: 'method path',
  gitlab_runner_configuration_loaded_total: '',
  gitlab_runner_configuration_loading_error_total: '',
  gitlab_runner_errors_total: 'level',
  gitlab_runner_version_info: 'architecture branch built_at go_version name os revision version',
  gitlab_runner_process_state_info: 'state',
  process_start_time_seconds: '',
  process_cpu_seconds_total: '',
  process_resident_memory_bytes: '',
  process_open_fds: '',
};

const OWN = [
  'temporal_gitlab_runner_slots',
  'temporal_gitlab_runner_spool_bytes',
  'temporal_gitlab_runner_trace_lag_bytes',
  'temporal_gitlab_runner_trace_lag_seconds',
  'temporal_gitlab_runner_stage_reattachments_total',
  'temporal_gitlab_runner_recovered_builds_total',
  'temporal_gitlab_runner_pickup_duration_seconds_bucket',
  'temporal_gitlab_runner_last_contact_timestamp_seconds',
];

const CANARY = 'canary-in-a-variable-81723';

describe('a node with a metrics server', () => {
  let installation: Installation;
  let base: string;
  const scrape = async (path = '/metrics'): Promise<string> => (await fetch(base + path)).text();
  const listening = async (): Promise<string> => {
    const line = await installation.runner.whenLog(/"msg":"metrics server listening"/);
    return `http://127.0.0.1:${(JSON.parse(line) as { port: number }).port}`;
  };
  const valueOf = (text: string, pattern: RegExp): number =>
    Number(new RegExp(`^${pattern.source} (\\S+)$`, 'm').exec(text)?.[1]);

  before(async () => {
    installation = await openInstallation({ concurrent: 2 });
    await installation.start({ LISTEN_ADDRESS: '127.0.0.1:0' });
    base = await listening();
  });
  after(() => installation.close());

  it('shows every name and label of the table after a good job, a failed job and a crash', async () => {
    const { gitlab } = installation;
    const flag = { key: 'FF_EXPORT_HIGH_CARDINALITY_METRICS', value: 'true' };
    const secret = { key: 'SECRET', value: CANARY, masked: true };
    const fails = gitlab.addJob({ script: ['exit 3'], variables: [NO_GIT, flag, secret] });
    await fails.whenFinished();
    const early = await scrape();
    assert.equal(
      valueOf(
        early,
        /gitlab_runner_failed_jobs_total\{[^}]*failure_reason="script_failure"[^}]*\}/,
      ),
      1,
    );
    assert.equal(valueOf(early, /gitlab_runner_jobs_total\{[^}]*\}/), 1);
    assert.match(early, /^temporal_worker_task_slots_available\{/m, 'Temporal’s SDK is in it too');

    const long = gitlab.addJob({
      script: ['echo begun', 'while [ ! -e /tmp/end ]; do sleep 0.2; done'],
      variables: [NO_GIT, flag, secret],
    });
    await long.whenLog(/^begun$/m);
    const list = await scrape('/debug/jobs/list');
    assert.match(
      list,
      new RegExp(
        `^url=\\S+/-/jobs/${long.id} state=running stage=step_script executor_stage=docker_run duration=`,
        'm',
      ),
    );
    await installation.runner.end('SIGKILL');
    await installation.start({ LISTEN_ADDRESS: '127.0.0.1:0' });
    base = await listening();
    long.cancel();
    await long.whenFinished();
    const fresh = gitlab.addJob({ script: ['exit 1'], variables: [NO_GIT, flag, secret] });
    await fresh.whenFinished();
    const input = { key: 'x', value: { type: 'string', content: 'y', sensitive: false } };
    const unparsed = gitlab.addJob({
      script: ['echo ${{ job.inputs.x }}', 'echo ${{ job.inputs.'],
      variables: [NO_GIT],
      payload: { inputs: [input] },
    });
    await unparsed.whenFinished();
    const text = await scrape();
    assert.equal(valueOf(text, /gitlab_runner_job_inputs_interpolations_total/), 1);
    assert.equal(
      valueOf(text, /gitlab_runner_job_inputs_interpolation_failures_total\{error_type="parse"\}/),
      1,
    );
    assert.equal(valueOf(text, /temporal_gitlab_runner_recovered_builds_total\{[^}]*\}/), 1);
    assert.equal(valueOf(text, /temporal_gitlab_runner_stage_reattachments_total\{[^}]*\}/), 1);
    for (const [name, labels] of Object.entries(GITLAB_RUNNER)) {
      assert.equal(labelsIn(text, name), labels, name);
    }
    for (const name of OWN) assert.notEqual(labelsIn(text, name), undefined, name);
    for (const hidden of [CANARY, ...installation.tokens]) {
      assert.ok(!text.includes(hidden) && !list.includes(hidden), 'no secret in a scrape');
    }
  });

  it('says whether it is ready and why, and is not ready while its config cannot be read', async () => {
    const readyz = async () => {
      const response = await fetch(`${base}/readyz`);
      const body = (await response.json()) as {
        checks: { name: string; isOk: boolean; reason: string }[];
      };
      return { status: response.status, checks: body.checks };
    };
    const good = await readyz();
    assert.equal(good.status, 200, JSON.stringify(good.checks));
    assert.deepEqual(good.checks.map(({ name }) => name).sort(), [
      'config',
      'disk',
      'docker',
      'gitlab',
      'process',
      'temporal',
    ]);
    assert.match(good.checks.find(({ name }) => name === 'gitlab')?.reason ?? '', /20[14], /);
    assert.equal((await fetch(`${base}/healthz`)).status, 200);
    assert.equal((await fetch(`${base}/health/ready`)).status, 200);

    const { configPath, runner } = installation;
    const fromLine = runner.lines.length;
    await appendFile(configPath, '\n[[[broken\n');
    runner.signal('SIGHUP');
    await runner.whenLog(/config/, 10_000, fromLine);
    const bad = await readyz();
    assert.equal(bad.status, 503);
    assert.equal(bad.checks.find(({ name }) => name === 'config')?.isOk, false);
    assert.ok(!JSON.stringify(bad).includes(installation.tokens[0] ?? 'none'));
  });

  it('takes a CPU profile on request, and refuses invalid requests', async () => {
    const profile = await fetch(`${base}/debug/pprof/profile?seconds=1`);
    assert.equal(profile.status, 200);
    const { nodes } = (await profile.json()) as { nodes: unknown[] };
    assert.ok(nodes.length > 0);
    assert.equal((await fetch(`${base}/debug/pprof/profile?seconds=1e9`)).status, 400);
    assert.equal((await fetch(`${base}/debug/pprof/heap`)).status, 404);
  });
});

/**
 * Returns the sorted names of the labels in the first line of a metric, or undefined when there is
 * no such line.
 */
function labelsIn(text: string, name: string): string | undefined {
  const line = new RegExp(`^${name}(?:\\{(.*)\\})? \\S+$`, 'm').exec(text);
  if (line === null) return undefined;
  return [...(line[1] ?? '').matchAll(/([a-z_]+)="/g)]
    .map(([, label]) => label)
    .sort()
    .join(' ');
}
