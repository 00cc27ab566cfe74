import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createMetrics } from '../../../src/adapters/metrics/metrics.ts';
import { systemClock } from '../../../src/worker/machine/program.ts';
import { setGauges } from '../../../src/worker/monitoring/gauges.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';

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
  const config = {
    ...{ concurrent: 4, checkIntervalSeconds: 3, logLevel: 'info', logFormat: 'json' as const },
    ...{ shutdownTimeoutSeconds: 0, runners: [context.runner] },
  };
  const capacity = { concurrent: 4, buildsAlive: 4, requestsInFlight: 0, pauses: [] };
  const scope = { metrics, capacity, spoolBytes: 0, processState: 'running', nowMs: 10_000 };
  // The second scrape must not add to the values of the first.
  for (let scrape = 0; scrape < 2; scrape += 1) setGauges({ ...scope, config });
  const text = await metrics.registry.format();
  const valueOf = (pattern: RegExp) =>
    new RegExp(`^${pattern.source} (\\S+)$`, 'm').exec(text)?.[1];
  assert.equal(valueOf(/gitlab_runner_jobs\{[^}]*state="running",stage="step_script"[^}]*\}/), '3');
  assert.equal(valueOf(/gitlab_runner_jobs\{[^}]*state="pending"[^}]*\}/), '1');
  assert.equal(valueOf(/gitlab_runner_jobs\{[^}]*state="idle"[^}]*\}/), '0');
  assert.equal(valueOf(/temporal_gitlab_runner_trace_lag_bytes\{[^}]*\}/), '120');
  assert.equal(valueOf(/temporal_gitlab_runner_trace_lag_seconds\{[^}]*\}/), '6');
});
