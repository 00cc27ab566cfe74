import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMetrics } from '../../../src/adapters/metrics/metrics.ts';
import { systemClock } from '../../../src/worker/machine/program.ts';
import { gate } from '../../support/gate.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, until } from '../support/world.ts';

const context = contextOf();

describe('the metrics of a build without a workflow', () => {
  it('forget a build that another node has, also while a part of its trace is being sent', async () => {
    const world = createWorld(context, { keeps: 'everything' });
    const metrics = createMetrics({ systemId: 's_1', clock: systemClock });
    const answer = gate();
    const { activities, called } = openProcess(world, {
      ports: { metrics },
      coordinator: {
        patchTrace: async () => {
          await answer.opened;
          return { kind: 'accepted', remote: 'running', updateIntervalMs: undefined };
        },
      },
    });
    await runActivity(() => activities.node.acknowledgeJob(context));
    const uploading = runActivity(() =>
      activities.node.uploadTrace(context, { ignoreCanceling: false }),
    );
    await until(() => called.includes('patchTrace'));
    await activities.orphaned.drop(context.buildId);
    answer.open();
    await uploading;
    assert.deepEqual(metrics.jobs.list(), []);
  });

  it('count the end of a build that an earlier process has begun', async () => {
    const world = createWorld(context, { keeps: 'everything' });
    const metrics = createMetrics({ systemId: 's_1', clock: systemClock });
    const { orphaned } = openProcess(world, { ports: { metrics } }).activities;
    const reason = 'runner_system_failure';
    await orphaned.report(context.buildId, {
      ...{ state: 'failed', reason, exitCode: undefined, message: 'its workflow was ended' },
    });
    await orphaned.forget(context.buildId);
    assert.match(await metrics.registry.format(), /^gitlab_runner_failed_jobs_total\{.*\} 1$/m);
    assert.deepEqual(metrics.jobs.list(), []);
  });
});
