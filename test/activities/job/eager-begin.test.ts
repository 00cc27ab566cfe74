import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLiveBuilds } from '../../../src/activities/build/live-builds.ts';
import { createEnvironmentActivities } from '../../../src/activities/environment/environment.ts';
import { beginEagerly, createBeginActivities } from '../../../src/activities/job/begin-build.ts';
import { createCoordinatorActivities } from '../../../src/activities/job/coordinator.ts';
import { FailureType, FinalError, TransientError } from '../../../src/domain/failure.ts';
import type { ContainerEngine, Coordinator } from '../../../src/ports/index.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { createFakeEngine } from '../support/fake-engine.ts';
import { createFakeCoordinator } from '../support/fake-gitlab.ts';
import { gate } from '../../support/gate.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, tick, type World } from '../support/world.ts';

interface Setting {
  readonly world: World;
  readonly build: { readonly buildId: string };
  /** Begins the build as the node does when it has recorded the job. */
  readonly begin: () => Promise<void>;
  readonly node: ReturnType<typeof createBeginActivities> &
    ReturnType<typeof createCoordinatorActivities> &
    ReturnType<typeof createEnvironmentActivities>;
  readonly count: (call: string) => number;
}

interface Differences {
  readonly engine?: (world: World) => Partial<ContainerEngine>;
  readonly coordinator?: (world: World) => Partial<Coordinator>;
}

function open({ engine, coordinator }: Differences = {}): Setting {
  const context = contextOf({ job: { variables: [{ key: 'GIT_STRATEGY', value: 'none' }] } });
  const { buildId } = context;
  const world = createWorld(context, { keeps: 'everything' });
  const { ports, called } = openProcess(world, {
    engine: engine?.(world) ?? {},
    coordinator: coordinator?.(world) ?? {},
  });
  const live = createLiveBuilds(ports);
  return {
    ...{ world, build: { buildId } },
    begin: () => beginEagerly(buildId, { ports, live }),
    node: {
      ...createBeginActivities(ports, live),
      ...createCoordinatorActivities(ports, live),
      ...createEnvironmentActivities(ports, live, () => Promise.resolve()),
    },
    count: (call) => called.filter((name) => name === call).length,
  };
}

/** Does a call of Docker once it may, and tells when it was asked for. */
function heldCreation() {
  const asked = gate();
  const held = gate();
  const engine = (world: World): Partial<ContainerEngine> => ({
    createContainer: async (spec) => {
      asked.open();
      await held.opened;
      return createFakeEngine(world).createContainer(spec);
    },
  });
  return { engine, asked: asked.opened, release: held.open };
}

/** Fails the first time. */
function failingCreation(fault: Error) {
  const engine = (world: World): Partial<ContainerEngine> => {
    const faults = [fault];
    return {
      createContainer: (spec) => {
        const next = faults.shift();
        return next ? Promise.reject(next) : createFakeEngine(world).createContainer(spec);
      },
    };
  };
  return { engine };
}

describe('a build that its node begins before the workflow calls', () => {
  it('is acknowledged and prepared once', async () => {
    const { world, begin, build, node, count } = open();
    await begin();
    assert.deepEqual([world.gitlab.updates, count('createContainer')], [[{ state: 'running' }], 1]);
    assert.equal(await runActivity(() => node.beginBuild(build)), 'accepted');
    assert.deepEqual([world.gitlab.updates, count('createContainer')], [[{ state: 'running' }], 1]);
    assert.match(world.spool.saved.text, /Running with[^]*Preparing the "docker" executor/);
  });

  it('is joined by the call while it is under way', async () => {
    const { engine, asked, release } = heldCreation();
    const { begin, build, node, count } = open({ engine });
    const begun = begin();
    await asked;
    const answer = runActivity(() => node.beginBuild(build));
    release();
    assert.equal(await answer, 'accepted');
    await begun;
    assert.equal(count('createContainer'), 1);
  });

  it('is taken over by a call that only prepares, too', async () => {
    const { begin, build, node, count } = open();
    await begin();
    assert.equal(await runActivity(() => node.acknowledgeJob(build)), 'accepted');
    await runActivity(() => node.prepareEnvironment(build));
    assert.equal(count('createContainer'), 1);
  });

  it('begins anew after a passing fault', async () => {
    const fault = new TransientError('Docker is restarting', { from: 'docker' });
    const { begin, build, node, count } = open(failingCreation(fault));
    await begin();
    assert.equal(await runActivity(() => node.beginBuild(build)), 'accepted');
    assert.equal(count('createContainer'), 2);
  });

  it('tells a final fault to the first call only', async () => {
    const fault = new FinalError(FailureType.RunnerSystem, 'no such runtime');
    const { begin, build, node, count } = open(failingCreation(fault));
    await begin();
    await assert.rejects(
      runActivity(() => node.beginBuild(build)),
      { message: 'no such runtime' },
    );
    assert.equal(count('createContainer'), 1);
    assert.equal(await runActivity(() => node.beginBuild(build)), 'accepted');
  });

  it('asks GitLab again that did not answer', async () => {
    const replies = [new TransientError('503', { from: 'gitlab' })];
    const { begin, build, node } = open({
      coordinator: (world) => ({
        updateJob: (job, update) => {
          const reply = replies.shift();
          return reply
            ? Promise.reject(reply)
            : createFakeCoordinator(world).updateJob(job, update);
        },
      }),
    });
    await begin();
    assert.equal(await runActivity(() => node.beginBuild(build)), 'accepted');
  });

  it('has ended before its result is written, when the workflow wants no beginning', async () => {
    const { engine, asked, release } = heldCreation();
    const { world, begin, build, node } = open({ engine });
    const begun = begin();
    await asked;
    const destroyed = runActivity(() => node.destroyEnvironment(build));
    const reported = runActivity(() => node.reportResult(build, { state: 'canceled' }));
    for (let turn = 0; turn < 50; turn += 1) await tick();
    assert.deepEqual(world.gitlab.updates, [{ state: 'running' }]);
    release();
    await Promise.all([begun, reported, destroyed]);
    assert.equal(world.docker.containers.size, 0);
    assert.match(world.gitlab.trace, /Preparing the "docker" executor[^]*canceled[^\n]*\n$/);
    assert.equal(world.gitlab.trace, world.spool.saved.text);
  });
});
