import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildActivities } from '../../../src/activities/contract.ts';
import { FinalError, FailureType, TransientError } from '../../../src/domain/failure.ts';
import type { Coordinator, UpdateReply } from '../../../src/ports/index.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { createFakeCoordinator } from '../support/fake-gitlab.ts';
import { gate } from '../../support/gate.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, tick, until, type World } from '../support/world.ts';

interface Setting {
  readonly world: World;
  readonly node: BuildActivities;
  readonly build: { readonly buildId: string };
}

/** One answer or fault for each update, or the wait for GitLab's usual answer. More of these follow. */
function open(...replies: (UpdateReply | Error | Promise<void>)[]): Setting {
  const context = contextOf();
  const world = createWorld(context, { keeps: 'everything' });
  const { updateJob } = createFakeCoordinator(world);
  const coordinator: Partial<Coordinator> = {
    updateJob: (job, update) => {
      const reply = replies.shift();
      if (reply instanceof Error) return Promise.reject(reply);
      if (reply instanceof Promise) return reply.then(() => updateJob(job, update));
      return reply === undefined ? updateJob(job, update) : Promise.resolve(reply);
    },
  };
  const { node } = openProcess(world, { coordinator }).activities;
  return { world, node, build: { buildId: context.buildId } };
}

describe('the beginning of a build in one call', () => {
  it('acknowledges the job and prepares its environment', async () => {
    const { world, node, build } = open();
    assert.equal(await runActivity(() => node.beginBuild(build)), 'accepted');
    assert.deepEqual(world.gitlab.updates, [{ state: 'running' }]);
    assert.match(world.spool.saved.text, /Running with[^]*Preparing the "docker" executor/);
  });

  const refusals = [
    ['gone', { kind: 'job_gone', status: 404 }],
    ['taken', { kind: 'conflict' }],
    ['canceling', { kind: 'done', remote: 'canceling' }],
  ] as const;
  for (const [answer, reply] of refusals) {
    it(`starts nothing of a job that is ${answer}, and creates nothing after the answer`, async () => {
      const { world, node, build } = open(reply);
      assert.equal(await runActivity(() => node.beginBuild(build)), answer);
      const { size } = world.docker.containers;
      for (let turn = 0; turn < 50; turn += 1) await tick();
      assert.deepEqual([world.started, world.docker.containers.size], [[], size]);
      await runActivity(() => node.destroyEnvironment(build));
      assert.equal(world.docker.containers.size, 0);
    });
  }

  it('prepares the environment while GitLab takes its time', async () => {
    const answer = gate();
    const { world, node, build } = open(answer.opened);
    const begun = runActivity(() => node.beginBuild(build));
    await until(() => [...world.docker.containers.values()].some(({ starts }) => starts > 0));
    answer.open();
    assert.equal(await begun, 'accepted');
  });

  it('says that GitLab is away, and starts no script', async () => {
    const { world, node, build } = open(new TransientError('503', { from: 'gitlab' }));
    assert.equal(await runActivity(() => node.beginBuild(build)), 'unanswered');
    assert.equal(await runActivity(() => node.beginBuild(build)), 'accepted');
    assert.match(world.spool.saved.text, /Preparing/);
    assert.deepEqual([world.started, world.docker.containers.size], [[], 2]);
  });

  it('writes nothing of the preparation after the result', async () => {
    const { world, node, build } = open(new TransientError('503', { from: 'gitlab' }));
    await runActivity(() => node.beginBuild(build));
    await runActivity(() => node.reportResult(build, { state: 'canceled' }));
    const { text } = world.spool.saved;
    for (let turn = 0; turn < 50; turn += 1) await tick();
    assert.equal(world.spool.saved.text, text);
    assert.match(text, /canceled[^\n]*\n$/);
  });

  it('fails where its job cannot be acknowledged at all', async () => {
    const { node, build } = open(new FinalError(FailureType.RunnerSystem, 'no certificate'));
    await assert.rejects(
      runActivity(() => node.beginBuild(build)),
      { message: 'no certificate' },
    );
  });

  it('prepares anew after a fault that kept it from being acknowledged', async () => {
    const { node, build } = open(new FinalError(FailureType.RunnerSystem, 'no certificate'));
    await assert.rejects(runActivity(() => node.beginBuild(build)));
    assert.equal(await runActivity(() => node.beginBuild(build)), 'accepted');
  });

  it('does not ask GitLab again what it has accepted in the same process', async () => {
    const { world, node, build } = open();
    await runActivity(() => node.beginBuild(build));
    await runActivity(() => node.beginBuild(build));
    assert.equal(await runActivity(() => node.acknowledgeJob(build)), 'accepted');
    assert.deepEqual(world.gitlab.updates, [{ state: 'running' }]);
  });

  it('answers "canceling" again when a call is repeated in the same process', async () => {
    const { node, build } = open({ kind: 'done', remote: 'canceling' });
    for (const call of ['beginBuild', 'beginBuild', 'acknowledgeJob'] as const) {
      assert.equal(await runActivity(() => node[call](build)), 'canceling', call);
    }
  });
});
