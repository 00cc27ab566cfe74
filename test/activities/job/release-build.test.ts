import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildActivities } from '../../../src/activities/contract.ts';
import { FailureType } from '../../../src/domain/failure.ts';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, type World } from '../support/world.ts';

interface Setting {
  readonly context: BuildContext;
  readonly world: World;
  readonly node: BuildActivities;
  readonly build: { readonly buildId: string };
}

function open(): Setting {
  const context = contextOf();
  const world = createWorld(context);
  const { node } = openProcess(world).activities;
  return { context, world, node, build: { buildId: context.buildId } };
}

describe('releasing a build', () => {
  it('releases its slot and forgets it, however often it is done', async () => {
    const { context, world, node, build } = open();
    await runActivity(() => node.acknowledgeJob(build));
    await runActivity(() => node.releaseBuild(build));
    await runActivity(() => node.releaseBuild(build));
    assert.equal(world.disk.records.size, 0);
    assert.equal(world.spool.saved.text, '');
    assert.deepEqual(world.freed, [context.buildId, context.buildId]);
  });

  it('tells the runner that counts the build, whose workflow may be gone, when its slot is free', async () => {
    const told: unknown[] = [];
    const context = contextOf();
    const signal = (workflowId: string, sent: unknown): Promise<boolean> => {
      told.push(workflowId, sent, `${world.disk.records.size} records`);
      return Promise.resolve(false);
    };
    const workflows = { cancel: () => Promise.resolve(), signal };
    const world = createWorld(context, { keeps: 'everything' });
    const { node } = openProcess(world, { ports: { workflows } }).activities;
    const build = { buildId: context.buildId };
    await runActivity(() => node.releaseBuild(build, 'serve-runner/test/one'));
    assert.deepEqual(told, [
      'serve-runner/test/one',
      { name: 'buildEnded', args: [context.buildId] },
      '0 records',
    ]);
  });

  it('leaves nothing to stop, and makes later calls fail with that reason', async () => {
    const { world, node, build } = open();
    await runActivity(() => node.releaseBuild(build));
    await runActivity(() => node.destroyEnvironment(build));
    await runActivity(() => node.stopStage(build, { how: 'kill', reason: 'x' }));
    const upload = () => node.uploadTrace(build, { ignoreCanceling: false });
    assert.equal(await runActivity(upload), 'sealed');
    const calls = [
      () => node.acknowledgeJob(build),
      () => node.prepareEnvironment(build),
      () => node.reportResult(build, { state: 'success' }),
    ];
    for (const call of calls) {
      const lost = { type: FailureType.RecordLost, message: /no record of build/ };
      await assert.rejects(runActivity<unknown>(call), lost);
    }
    assert.deepEqual(world.gitlab.updates, []);
  });
});
