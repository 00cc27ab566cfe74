import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { createMetrics, type NodeMetrics } from '../../../src/adapters/metrics/metrics.ts';
import type { BuildOutcome } from '../../../src/domain/context/outcome.ts';
import { systemClock } from '../../../src/worker/machine/program.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';

const FAILED: BuildOutcome = {
  state: 'failed',
  reason: 'script_failure',
  exitCode: 1,
  message: 'exit code 1',
};

describe('the counts of a node', () => {
  const context = contextOf();
  let metrics: NodeMetrics;
  beforeEach(() => {
    metrics = createMetrics({ systemId: 's_1', clock: systemClock });
  });
  /** The value of a metric that has one row; undefined when it has none. */
  const valueOf = async (name: string): Promise<string | undefined> =>
    new RegExp(`^${name}\\{.*\\} (\\S+)$`, 'm').exec(await metrics.registry.format())?.[1];

  it('have one end of a job, however often its result is reported', async () => {
    metrics.jobReceived(context);
    for (let call = 0; call < 2; call += 1) {
      metrics.stageBegan(context, { stage: '', executorStage: 'finish' });
      metrics.jobEnded(context, FAILED);
    }
    assert.equal(await valueOf('gitlab_runner_failed_jobs_total'), '1');
    assert.equal(await valueOf('gitlab_runner_job_duration_seconds_count'), '1');
  });

  it('show a job that has ended as such while it is cleaned up', () => {
    metrics.jobReceived(context);
    metrics.jobEnded(context, FAILED);
    metrics.stageBegan(context, { stage: 'cleanup_file_variables', executorStage: 'docker_run' });
    assert.equal(metrics.jobs.read(context.buildId)?.state, 'failed');
  });

  it('let no log lag behind whose job has ended', () => {
    metrics.jobReceived(context);
    metrics.traceSent(context, 100);
    const lagOf = () => {
      const { lagBytes, lagSinceMs } = metrics.jobs.read(context.buildId) ?? assert.fail('no row');
      return [lagBytes, lagSinceMs !== undefined];
    };
    assert.deepEqual(lagOf(), [100, true]);
    metrics.jobEnded(context, { state: 'aborted' });
    assert.deepEqual(lagOf(), [0, false]);
  });

  it('take nothing from a call that ends after its build was released', async () => {
    metrics.jobReceived(context);
    metrics.jobReleased(context.buildId);
    metrics.traceSent(context, 100);
    metrics.jobEnded(context, FAILED);
    assert.deepEqual(metrics.jobs.list(), []);
    assert.equal(await valueOf('gitlab_runner_failed_jobs_total'), undefined);
  });
});
