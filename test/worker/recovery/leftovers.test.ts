import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ContainerSpec } from '../../../src/domain/executor/specs.ts';
import { BUILD_LABEL } from '../../../src/domain/executor/labels.ts';
import type { RunnerConfig } from '../../../src/domain/runner/config.ts';
import type { ConfigSource, Ports } from '../../../src/ports/index.ts';
import { sweepLeftovers } from '../../../src/worker/recovery/leftovers.ts';
import { openProcess } from '../../activities/support/process.ts';
import { createWorld, type World } from '../../activities/support/world.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { configOf, contextOf } from '../../domain/job/context-fixture.ts';

const LOST = { [BUILD_LABEL]: 'build/gitlab.test/lost' };

it('removes from Docker only leftovers of builds without a record', async () => {
  const context = contextOf();
  const recorded = { [BUILD_LABEL]: context.buildId };
  const world = createWorld(context);
  await addContainer(world, 'lost', LOST);
  world.docker.volumes.set('lost-alone', { [BUILD_LABEL]: 'build/gitlab.test/a-volume-is-left' });
  await addContainer(world, 'goes-on', recorded);
  await addContainer(world, 'keeps-a-cache', {});
  world.docker.networks.set('lost', LOST).set('goes-on', recorded);
  world.docker.volumes.set('lost', LOST).set('cache', {});
  const { ports } = openProcess(world);
  await sweepLeftovers({ ...ports, config: sourceOf(context.runner) });

  const names = [...world.docker.containers.values()].map(({ spec }) => spec.name);
  assert.deepEqual(names, ['goes-on', 'keeps-a-cache']);
  assert.deepEqual([...world.docker.networks.keys()], ['goes-on']);
  assert.deepEqual([...world.docker.volumes.keys()], ['cache']);
});

it('lists the builds of each daemon once, however many runners use it', async () => {
  const { runner } = contextOf();
  const world = createWorld(contextOf());
  let listed = 0;
  const { ports } = openProcess(world, {
    engine: {
      listBuildIds: () => {
        listed += 1;
        return Promise.resolve([]);
      },
    },
  });
  const other = { ...runner, docker: { ...runner.docker, host: 'tcp://other:2376' } };
  await sweepLeftovers({ ...ports, config: sourceOf(runner, runner, other) });
  assert.equal(listed, 2);
});

it('goes on when a daemon does not answer, and logs for which runner', async () => {
  const { runner } = contextOf();
  const world = createWorld(contextOf());
  const { log, said } = recordingLog();
  const { ports } = openProcess(world, { ports: { log } });
  await addContainer(world, 'lost', LOST);
  const away = { ...runner, name: 'away', docker: { ...runner.docker, host: 'tcp://away:2376' } };
  const fault = new Error('Docker does not answer');
  const engine: Ports['engine'] = (of) =>
    of === away
      ? { ...ports.engine(of), listBuildIds: () => Promise.reject(fault) }
      : ports.engine(of);
  await sweepLeftovers({ ...ports, engine, config: sourceOf(away, runner) });
  assert.equal(world.docker.containers.size, 0);
  assert.deepEqual(said[0], {
    level: 'warn',
    message: 'leftovers not searched for',
    fields: { runner: away.key, runner_name: 'away', error: fault },
  });
});

it('removes what it can of a build, and of the builds after it, when something stays', async () => {
  const { runner } = contextOf();
  const world = createWorld(contextOf());
  const { log, said } = recordingLog();
  const fault = new Error('device or resource busy');
  const { ports } = openProcess(world, {
    ports: { log },
    engine: {
      removeContainer: (id) => {
        if (world.docker.containers.get(id)?.spec.name === 'stubborn') throw fault;
        world.docker.containers.delete(id);
        return Promise.resolve();
      },
    },
  });
  const first = { [BUILD_LABEL]: 'build/gitlab.test/first' };
  await addContainer(world, 'stubborn', first);
  world.docker.networks.set('first', first);
  await addContainer(world, 'lost', LOST);
  await sweepLeftovers({ ...ports, config: sourceOf(runner) });

  const names = [...world.docker.containers.values()].map(({ spec }) => spec.name);
  assert.deepEqual([names, [...world.docker.networks.keys()]], [['stubborn'], []]);
  assert.deepEqual(
    said.map(({ message, fields }) => [message, fields?.['build'], fields?.['error']]),
    [
      [
        'leftovers of a build without a record not removed, tried again later',
        ...['build/gitlab.test/first', fault],
      ],
      ['leftovers of a build without a record removed', LOST[BUILD_LABEL], undefined],
    ],
  );
});

/** Adds a container to the fake Docker. */
async function addContainer(
  world: World,
  name: string,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const { ports } = openProcess(world);
  const spec: Pick<ContainerSpec, 'name' | 'labels'> = { name, labels };
  await ports.engine(contextOf().runner).createContainer(spec as ContainerSpec);
}

function sourceOf(...runners: readonly RunnerConfig[]): ConfigSource {
  const current = configOf(runners);
  return { load: () => Promise.resolve(current), current: () => current, runner: () => undefined };
}
