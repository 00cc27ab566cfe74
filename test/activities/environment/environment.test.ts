import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildActivities } from '../../../src/activities/contract.ts';
import { BUILD_LABEL } from '../../../src/domain/executor/labels.ts';
import { FinalError, TransientError } from '../../../src/domain/failure.ts';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import { contextOf, withVariables, type ContextChanges } from '../../domain/job/context-fixture.ts';
import type { ContainerEngine } from '../../../src/ports/index.ts';
import { runActivity } from '../support/drive.ts';
import { endlessPull } from '../support/fake-engine.ts';
import { gate } from '../../support/gate.ts';
import { openProcess, type ProcessOptions } from '../support/process.ts';
import { createWorld, until, type World } from '../support/world.ts';

interface Setting {
  readonly context: BuildContext;
  readonly world: World;
  readonly node: BuildActivities;
  readonly build: { readonly buildId: string };
}

function open(changes: ContextChanges = {}, options: ProcessOptions = {}): Setting {
  const context = contextOf({
    ...changes,
    job: { features: { trace_sections: true }, ...changes.job },
  });
  const world = createWorld(context);
  const { node } = openProcess(world, options).activities;
  return { context, world, node, build: { buildId: context.buildId } };
}

/** An engine whose containers do not wait for their stages. */
const NO_PIPES: ContainerEngine['info'] = () =>
  Promise.resolve({
    ...{ architecture: 'x86_64', name: 'desk', osType: 'linux' },
    ...{ sharesPipes: false, isPodman: false },
  });

const IMAGE = { repoDigests: [], user: '', entrypoint: [] };

function namesOf({ docker }: World): readonly string[] {
  return [...docker.containers.values()].map(({ spec }) => spec.name.replace(/^.*-/, ''));
}

describe('preparing an environment', () => {
  it('makes both containers, open directories and volumes, and starts nothing', async () => {
    const { world, node, build } = open({ volumes: ['/cache'] });
    await runActivity(() => node.prepareEnvironment(build));
    assert.deepEqual(namesOf(world), ['build', 'predefined']);
    assert.equal(world.docker.volumes.size, 2);
    assert.equal(world.docker.networks.size, 0);
    assert.deepEqual(world.started, []);
    for (const { archives, spec } of world.docker.containers.values()) {
      assert.deepEqual(archives, []);
      const opens = spec.command.join().includes('mkdir -p /builds /builds/group ');
      assert.equal(opens, spec.name.endsWith('-predefined'));
    }
  });

  it('opens the directories itself where no container waits', async () => {
    const { world, node, build } = open({}, { engine: { info: NO_PIPES } });
    await runActivity(() => node.prepareEnvironment(build));
    for (const { archives } of world.docker.containers.values()) {
      assert.deepEqual(archives.slice(0, 2), ['/builds', '/builds/group']);
    }
  });

  it('writes file variables itself only where an entrypoint comes before every script', async () => {
    const file = { key: 'KEY', value: 'secret', file: true };
    const cases = [
      ['none', ['sh'], ['/builds/group/app.tmp/KEY']],
      ['none', [], []],
      ['fetch', ['sh'], []],
    ] as const;
    for (const [strategy, entrypoint, expected] of cases) {
      const context = contextOf({
        job: { variables: [{ key: 'GIT_STRATEGY', value: strategy }, file] },
      });
      const world = createWorld(context, { entrypoint });
      const { node } = openProcess(world).activities;
      await runActivity(() => node.prepareEnvironment({ buildId: context.buildId }));
      const written = [...world.docker.containers.values()].flatMap(({ archives }) => archives);
      assert.deepEqual(
        written.filter((path) => path.endsWith('KEY')),
        expected,
        `${strategy} ${entrypoint.join()}`,
      );
    }
  });

  it('makes no helper and pulls no image for it when no stage needs it', async () => {
    const { world, node, build } = open(withVariables({ GIT_STRATEGY: 'none' }));
    await runActivity(() => node.prepareEnvironment(build));
    assert.deepEqual(namesOf(world), ['build']);
    assert.deepEqual(world.docker.pulls, ['alpine:3']);
  });

  it('makes a network first when the job wants its own', async () => {
    const { world, node, build } = open(withVariables({ FF_NETWORK_PER_BUILD: 'true' }));
    await runActivity(() => node.prepareEnvironment(build));
    assert.deepEqual([...world.docker.networks.keys()], ['runner-abcdefghi-42-1-4711']);
  });

  it('makes a helper when it must list files before they are packed', async () => {
    const job = {
      ...withVariables({ GIT_STRATEGY: 'none' }).job,
      artifacts: [{ paths: ['**/*.log'] }],
    };
    const { world, node, build } = open({ job });
    await runActivity(() => node.prepareEnvironment(build));
    assert.deepEqual(namesOf(world), ['build', 'predefined']);
  });

  it('that was stopped can be prepared again, as after a time-out and `retry`', async () => {
    const pulling = gate();
    let isStopped = false;
    const { world, node, build } = open(
      {},
      {
        engine: {
          pullImage: (reference, options) => {
            if (isStopped) return Promise.resolve({ ...IMAGE, id: `sha256:${reference}` });
            return endlessPull(pulling.open)(reference, options);
          },
        },
      },
    );
    const first = runActivity(() => node.prepareEnvironment(build));
    await pulling.opened;
    await runActivity(() => node.stopStage(build, { how: 'graceful', reason: 'prepare timeout' }));
    await assert.rejects(first, /the preparation was stopped/);
    isStopped = true;
    await runActivity(() => node.prepareEnvironment(build));
    assert.deepEqual(namesOf(world), ['build', 'predefined']);
  });

  it('fails for good when Docker does not run Linux containers', async () => {
    const info = {
      ...{ architecture: 'x86_64', name: 'desk' },
      ...{ osType: 'windows', sharesPipes: true, isPodman: false },
    };
    const { world, node, build } = open({}, { engine: { info: () => Promise.resolve(info) } });
    await assert.rejects(
      runActivity(() => node.prepareEnvironment(build)),
      (error) => error instanceof FinalError && /"desk" runs .* of windows/.test(error.message),
    );
    assert.deepEqual([world.docker.pulls, world.docker.containers.size], [[], 0]);
  });

  it('fails for good, with its section closed, when job and configuration do not fit', async () => {
    const { world, node, build } = open({ volumes: ['nonsense'] });
    await assert.rejects(
      runActivity(() => node.prepareEnvironment(build)),
      (error) => error instanceof FinalError && error.type === 'RunnerConfiguration',
    );
    assert.match(world.spool.saved.text, /section_end:1000:prepare_executor/);
    assert.equal(world.docker.containers.size, 0);
  });

  it('logs each failed try, and finds the objects that the last one made', async () => {
    let failures = 2;
    const down = new TransientError('cannot reach Docker');
    const { world, node, build } = open(
      {},
      {
        engine: {
          info: NO_PIPES,
          putArchive: () => (failures-- > 0 ? Promise.reject(down) : Promise.resolve()),
        },
      },
    );
    // Each container gets its own archive, so a try may fail twice.
    await assert.rejects(
      runActivity(() => node.prepareEnvironment(build)),
      down,
    );
    await runActivity(() => node.prepareEnvironment(build));
    assert.deepEqual(namesOf(world), ['build', 'predefined']);
    const { text } = world.spool.saved;
    assert.equal(text.split('Preparation failed: cannot reach Docker').length, 2);
    assert.equal(text.split('section_start:1000:prepare_executor').length, 2);
    assert.ok(text.indexOf('section_end') > text.indexOf('Will be retried in 3s ...'));
  });

  it('joins a running call for the same environment', async () => {
    const { world, node, build } = open();
    await Promise.all([
      runActivity(() => node.prepareEnvironment(build)),
      runActivity(() => node.prepareEnvironment(build)),
    ]);
    assert.equal(world.docker.pulls.length, 2);
  });

  it('gives up a pull when it is stopped, for good', async () => {
    const pulling: string[] = [];
    const { node, build } = open(
      {},
      {
        engine: {
          pullImage: async (reference, { signal }) => {
            pulling.push(reference);
            await until(() => signal?.aborted === true);
            throw new Error('aborted');
          },
        },
      },
    );
    const preparing = runActivity(() => node.prepareEnvironment(build));
    await until(() => pulling.length === 2);
    await runActivity(() => node.stopStage(build, { how: 'kill', reason: 'canceled' }));
    await assert.rejects(
      preparing,
      (error) => error instanceof FinalError && /stopped/.test(error.message),
    );
  });

  it('is refused after the environment was destroyed, because nothing would remove it', async () => {
    const { world, node, build } = open();
    await runActivity(() => node.destroyEnvironment(build));
    await assert.rejects(
      runActivity(() => node.prepareEnvironment(build)),
      FinalError,
    );
    assert.equal(world.docker.containers.size, 0);
  });
});

describe('destroying an environment', () => {
  it('removes the objects of the build, and no others', async () => {
    const { context, world, node, build } = open({
      ...withVariables({ GIT_STRATEGY: 'clone', FF_NETWORK_PER_BUILD: 'true' }),
      volumes: ['/cache'],
    });
    world.docker.volumes.set('of-another-build', { [BUILD_LABEL]: `${context.buildId}1` });
    await runActivity(() => node.prepareEnvironment(build));
    assert.equal(world.docker.volumes.size, 3);
    await runActivity(() => node.destroyEnvironment(build));
    assert.deepEqual([world.docker.containers.size, world.docker.networks.size], [0, 0]);
    const left = [...world.docker.volumes.keys()];
    assert.equal(left.length, 2);
    assert.ok(left.includes('of-another-build'));
    assert.match(left.find((name) => name !== 'of-another-build') ?? '', /^runner-sha256.*-cache-/);
  });

  it('waits for objects that are being made, and removes them too', async () => {
    let isCreating = false;
    let isAllowed = false;
    const setting = open(withVariables({ GIT_STRATEGY: 'none' }), {
      engine: {
        info: NO_PIPES,
        putArchive: async () => {
          isCreating = true;
          await until(() => isAllowed);
        },
      },
    });
    const { world, node, build } = setting;
    const preparing = runActivity(() => node.prepareEnvironment(build));
    await until(() => isCreating);
    const destroying = runActivity(() => node.destroyEnvironment(build));
    isAllowed = true;
    await preparing.catch(() => undefined);
    await destroying;
    assert.equal(world.docker.containers.size, 0);
  });

  it('is tried again for a limited time while Docker does not answer', async () => {
    let nowMs = 0;
    const down = new TransientError('cannot reach Docker');
    const { node, build } = open(
      {},
      {
        engine: { listByLabels: () => Promise.reject(down) },
        ports: {
          clock: { nowMs: () => 0, monotonicMs: () => nowMs, sleep: () => Promise.resolve() },
        },
      },
    );
    await assert.rejects(
      runActivity(() => node.destroyEnvironment(build)),
      down,
    );
    nowMs = 5 * 60_000;
    await assert.rejects(
      runActivity(() => node.destroyEnvironment(build)),
      down,
    );
    nowMs += 1;
    await runActivity(() => node.destroyEnvironment(build));
  });

  it('removes the rest when one object cannot be removed', async () => {
    const { world, node, build } = open(withVariables({ GIT_STRATEGY: 'clone' }), {
      engine: { removeContainer: () => Promise.reject(new FinalError('RunnerSystem', 'busy')) },
    });
    await runActivity(() => node.prepareEnvironment(build));
    await runActivity(() => node.destroyEnvironment(build));
    const temporary = [...world.docker.volumes.values()].filter((labels) => BUILD_LABEL in labels);
    assert.deepEqual(temporary, []);
  });
});
