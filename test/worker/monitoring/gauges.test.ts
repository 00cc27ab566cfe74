import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { createMetrics, type NodeMetrics } from '../../../src/adapters/metrics/metrics.ts';
import type { RunnerConfig } from '../../../src/domain/runner/config.ts';
import { systemClock } from '../../../src/worker/machine/program.ts';
import { setGauges, type GaugeScope } from '../../../src/worker/monitoring/gauges.ts';
import { configOf, contextOf } from '../../domain/job/context-fixture.ts';

const CONTACT = 'temporal_gitlab_runner_last_contact_timestamp_seconds';

function scopeOf(metrics: NodeMetrics): Omit<GaugeScope, 'config'> {
  const capacity = { concurrent: 4, buildsAlive: 4, requestsInFlight: 0, pauses: [] };
  return { metrics, capacity, spoolBytes: 0, processState: 'running', nowMs: 0 };
}

/** What a scrape shows of one metric: a line for each of its rows. */
async function rowsOf(
  name: string,
  { metrics, runners }: { readonly metrics: NodeMetrics; readonly runners: RunnerConfig[] },
): Promise<readonly string[]> {
  setGauges({ ...scopeOf(metrics), config: configOf(runners) });
  const text = await metrics.registry.format();
  return text.split('\n').filter((line) => line.startsWith(`${name}{`));
}

it('gauges count the jobs of a runner by state and stage, and show the sum and the maximum of their lags', async () => {
  const metrics = createMetrics({ systemId: 's_1', clock: systemClock });
  const context = contextOf();
  const lags: [bytes: number, sinceMs: number | undefined][] = [
    [100, 4_000],
    [20, 9_000],
    [0, undefined],
  ];
  for (const [index, [lagBytes, lagSinceMs]] of lags.entries()) {
    const change = { lagBytes, lagSinceMs, state: 'running', stage: 'step_script' } as const;
    metrics.jobs.change({ ...context, buildId: `build/${index}` }, change);
  }
  metrics.jobs.change({ ...context, buildId: 'build/pending' }, { state: 'pending' });
  const scope = { ...scopeOf(metrics), nowMs: 10_000 };
  const config = configOf([context.runner], 4);
  // The second scrape must not add to the values of the first.
  for (let scrape = 0; scrape < 2; scrape += 1) setGauges({ ...scope, config });
  const text = await metrics.registry.format();
  const valueOf = (pattern: RegExp) =>
    new RegExp(`^${pattern.source} (\\S+)$`, 'm').exec(text)?.[1];
  assert.equal(valueOf(/gitlab_runner_jobs\{[^}]*state="running",stage="step_script"[^}]*\}/), '3');
  assert.equal(valueOf(/gitlab_runner_jobs\{[^}]*state="pending"[^}]*\}/), '1');
  assert.equal(
    valueOf(/gitlab_runner_jobs\{[^}]*state="idle",stage="idle",executor_stage="idle"\}/),
    '0',
  );
  assert.equal(valueOf(/temporal_gitlab_runner_trace_lag_bytes\{[^}]*\}/), '120');
  assert.equal(valueOf(/temporal_gitlab_runner_trace_lag_seconds\{[^}]*\}/), '6');
});

describe('what a scrape shows of a runner', () => {
  const { runner } = contextOf();
  let nowMs: number;
  let metrics: NodeMetrics;
  beforeEach(() => {
    nowMs = 0;
    metrics = createMetrics({ systemId: 's_1', clock: { ...systemClock, nowMs: () => nowMs } });
  });
  const askAt = (ms: number, status: number | undefined): void => {
    nowMs = ms;
    metrics.apiAnswered(runner, { method: 'POST', path: 'jobs/request', status, durationMs: 1 });
  };
  const valuesOf = async (name: string, runners = [runner]): Promise<readonly string[]> =>
    (await rowsOf(name, { metrics, runners })).map((row) => row.replace(/^.* /, ''));

  it('the time of the last contact is that of the last answer, and not of a try without one', async () => {
    askAt(1_000, undefined);
    assert.deepEqual(await valuesOf(CONTACT), []);
    askAt(2_000, 204);
    askAt(9_000, undefined);
    assert.deepEqual(await valuesOf(CONTACT), ['2']);
    const { lastContact } = metrics.runners.read(runner.key);
    assert.deepEqual(lastContact, { atMs: 9_000, status: undefined });
    askAt(10_000, 502);
    assert.deepEqual(await valuesOf(CONTACT), ['10']);
  });

  for (const name of [
    CONTACT,
    'gitlab_runner_job_queue_size',
    'gitlab_runner_job_queue_depth',
  ] as const) {
    it(`${name} has no row of a runner that was removed`, async () => {
      askAt(1_000, 201);
      metrics.jobReceived(contextOf({ job: { job_info: { queue_size: 1, queue_depth: 1 } } }));
      assert.deepEqual(await valuesOf(name), ['1']);
      assert.deepEqual(await valuesOf(name, []), []);
    });
  }

  for (const name of [
    'gitlab_runner_worker_feeds_total',
    'gitlab_runner_worker_feed_failures_total',
    'gitlab_runner_worker_health_check_failures_total',
  ]) {
    it(`${name} begins at 0, because an alert may ask for its rate before the first request`, async () => {
      assert.deepEqual(await valuesOf(name), ['0']);
      metrics.requestBegan(runner)('forbidden');
      metrics.requestSkipped(runner);
      assert.deepEqual(await valuesOf(name), ['1']);
    });
  }
});
