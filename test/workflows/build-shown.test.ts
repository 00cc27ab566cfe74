import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { workflowMetadataQuery } from '@temporalio/workflow';
import { startBuild, outcomeOf } from './support/builds.ts';
import { defer } from './support/calls.ts';
import { FULL_PLAN, jobOf } from './support/jobs.ts';
import { openWorld, type World } from './support/world.ts';
import { cancelUpdate, stagesQuery, buildStatusQuery } from '../../src/workflows/messages.ts';
import type { StageOutcome } from '../../src/domain/context/outcome.ts';

/** A build as the Temporal UI shows it. */
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
    assert.match(currentDetails ?? '', /\| get_sources \| succeeded \| \d+\.\d s \| {2}\| 1 \|/);
    assert.match(currentDetails ?? '', /\| step_script \| running \| since \d\d:\d\d:\d\d UTC \|/);
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

  it('says of every activity and timer what it is for', async () => {
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
