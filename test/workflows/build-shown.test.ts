import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { workflowMetadataQuery } from '@temporalio/workflow';
import { startBuild, outcomeOf } from './support/builds.ts';
import { defer } from './support/calls.ts';
import { FULL_PLAN, jobOf } from './support/jobs.ts';
import { openWorld, type World } from './support/world.ts';
import {
  buildStatusQuery,
  cancelUpdate,
  nodeRestartedSignal,
  stagesQuery,
  waitsSignal,
} from '../../src/workflows/messages.ts';
import type { StageOutcome } from '../../src/domain/context/outcome.ts';

describe('a build that is looked at', () => {
  let world: World;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());

  it('shows its stages, answers status and stages, and is ended by the update `cancel`', async () => {
    const node = await world.startNode('shown');
    node.stage('step_script', defer<StageOutcome>().promise);
    const handle = await startBuild(world, { node, job: jobOf(FULL_PLAN) });
    await node.calls.when('runStage step_script');

    assert.deepEqual(await handle.query(buildStatusQuery), { stage: 'step_script' });
    const { currentDetails, definition } = await handle.query(workflowMetadataQuery);
    assert.match(
      currentDetails ?? '',
      /^\| get_sources\s+\| succeeded\s+\| \d+\.\d s\s+\|\s+\| 1 \|$/m,
    );
    assert.match(
      currentDetails ?? '',
      /^\| step_script\s+\| running\s+\| since \d\d:\d\d:\d\d UTC\s+\|/m,
    );
    const described = definition?.updateDefinitions?.find(({ name }) => name === 'cancel');
    assert.match(described?.description ?? '', /after_script still runs/);

    assert.equal(await handle.executeUpdate(cancelUpdate), 'the job is told to end');
    assert.deepEqual(await outcomeOf(handle), { state: 'canceled' });
    const { why, result } = await handle.query(buildStatusQuery);
    assert.deepEqual({ why, result }, { why: 'canceled in step_script', result: 'canceled' });
    const stages = await handle.query(stagesQuery);
    assert.deepEqual(
      stages.map(({ name, state }) => `${name} ${state}`),
      [
        ...['prepare_executor succeeded', 'prepare_script succeeded', 'get_sources succeeded'],
        ...['step_script stopped', 'after_script succeeded', 'cleanup_file_variables succeeded'],
      ],
    );
  });

  it('shows what it waits for on its node and since when, until the node stops waiting', async () => {
    const node = await world.startNode('waits');
    const script = defer<StageOutcome>();
    node.stage('step_script', script.promise);
    const handle = await startBuild(world, { node, job: jobOf(FULL_PLAN) });
    await node.calls.when('runStage step_script');
    const sinceMs = Date.UTC(2026, 10, 29, 12, 4, 31);
    const docker = { key: 'docker', what: 'Docker', sinceMs };
    const gitlab = { key: 'uploadTrace', what: 'GitLab', status: 503, sinceMs: sinceMs + 1 };
    await handle.signal(waitsSignal, [gitlab, docker]);
    await handle.signal(waitsSignal, [{ ...docker, what: 'more than it may' }]);
    const { stage, waitsFor, since } = await handle.query(buildStatusQuery);
    assert.deepEqual([stage, waitsFor], ['step_script', 'Docker; GitLab, 503']);
    assert.equal(since, '2026-11-29T12:04:31.000Z');
    const { currentDetails } = await handle.query(workflowMetadataQuery);
    assert.match(currentDetails ?? '', /\nWaits for GitLab, 503 since 12:04:31 UTC$/);
    const after = defer<StageOutcome>();
    node.stage('after_script', after.promise);
    script.resolve({ kind: 'succeeded' });
    await node.calls.when('runStage after_script success');
    assert.equal(
      (await handle.query(buildStatusQuery)).waitsFor,
      'GitLab, 503',
      'beside the stages',
    );
    await handle.signal(nodeRestartedSignal);
    assert.equal((await handle.query(buildStatusQuery)).waitsFor, undefined);
    after.resolve({ kind: 'succeeded' });
    await outcomeOf(handle);
  });

  it('has a summary for every activity and timer', async () => {
    const node = await world.startNode('summaries');
    const handle = await startBuild(world, { node, job: jobOf(FULL_PLAN) });
    await outcomeOf(handle);
    const { events } = await handle.fetchHistory();
    const scheduled = (events ?? []).filter(
      (event) => event.activityTaskScheduledEventAttributes ?? event.timerStartedEventAttributes,
    );
    assert.ok(scheduled.length > 6);
    for (const { userMetadata } of scheduled) {
      const summary = Buffer.from(userMetadata?.summary?.data ?? []).toString();
      assert.match(summary, /^"[a-z].*"$/, 'a text in the clear');
    }
  });
});
