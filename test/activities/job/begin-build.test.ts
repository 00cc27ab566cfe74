import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildActivities } from '../../../src/activities/contract.ts';
import { FinalError, FailureType, TransientError } from '../../../src/domain/failure.ts';
import type { Coordinator, UpdateReply } from '../../../src/ports/index.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { createFakeCoordinator } from '../support/fake-gitlab.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, type World } from '../support/world.ts';

interface Setting {
  readonly world: World;
  readonly node: BuildActivities;
  readonly build: { readonly buildId: string };
}

/** One answer or fault for each update. GitLab's usual answers follow. */
function open(...replies: (UpdateReply | Error)[]): Setting {
  const context = contextOf();
  const world = createWorld(context, { keeps: 'everything' });
  const { updateJob } = createFakeCoordinator(world);
  const coordinator: Partial<Coordinator> = {
    updateJob: (job, update) => {
      const reply = replies.shift();
      if (reply instanceof Error) return Promise.reject(reply);
      return reply === undefined ? updateJob(job, update) : Promise.resolve(reply);
    },
  };
  const { node } = openProcess(world, { coordinator }).activities;
  return { world, node, build: { buildId: context.buildId } };
}

describe('the beginning of a build in one call', () => {
  it('acknowledges the job, then prepares its environment', async () => {
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
    it(`prepares nothing of a job that is ${answer}`, async () => {
      const { world, node, build } = open(reply);
      assert.equal(await runActivity(() => node.beginBuild(build)), answer);
      assert.doesNotMatch(world.spool.saved.text, /Preparing/);
    });
  }

  it('begins nothing while GitLab is away, and says so', async () => {
    const { world, node, build } = open(new TransientError('503', { from: 'gitlab' }));
    assert.equal(await runActivity(() => node.beginBuild(build)), 'unanswered');
    assert.doesNotMatch(world.spool.saved.text, /Preparing/);
    assert.equal(await runActivity(() => node.beginBuild(build)), 'accepted');
    assert.match(world.spool.saved.text, /Preparing/);
  });

  it('fails where its job cannot be acknowledged at all', async () => {
    const { node, build } = open(new FinalError(FailureType.RunnerSystem, 'no certificate'));
    await assert.rejects(
      runActivity(() => node.beginBuild(build)),
      { message: 'no certificate' },
    );
  });

  it('does not ask GitLab again what it has accepted in the same process', async () => {
    const { world, node, build } = open();
    await runActivity(() => node.beginBuild(build));
    await runActivity(() => node.beginBuild(build));
    assert.equal(await runActivity(() => node.acknowledgeJob(build)), 'accepted');
    assert.deepEqual(world.gitlab.updates, [{ state: 'running' }]);
  });
});
