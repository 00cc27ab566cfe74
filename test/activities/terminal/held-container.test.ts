import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { StageRequest } from '../../../src/activities/contract.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, type FakeContainer, type World } from '../support/world.ts';

const SECRET_FILE = { key: 'KUBECONFIG', value: 'canary-4417', public: false, file: true };

function containerOf({ docker }: World): FakeContainer {
  const found = [...docker.containers.values()].find(({ spec }) => spec.name.endsWith('-build'));
  return found ?? assert.fail('there is no container');
}

/** A build with a job that has a file variable. Its containers end with the test. */
async function open(t: TestContext, scripts: World['scripts']) {
  const context = contextOf({ job: { variables: [SECRET_FILE] } });
  const { buildId } = context;
  const world = createWorld(context, { scripts });
  const nextProcess = () => openProcess(world).activities.node;
  let node = nextProcess();
  const destroy = () => runActivity(() => node.destroyEnvironment({ buildId }));
  t.after(destroy);
  return {
    world,
    prepare: () => runActivity(() => node.prepareEnvironment({ buildId })),
    start: (count: number) => runActivity(() => node.startForShell({ buildId }, count)),
    run: (name: StageRequest['stage']['name']) =>
      runActivity(() => {
        const stage = { name, place: 'build', attempts: 1 } as const;
        return node.runStage({ buildId }, { stage, attempt: 1, jobStatus: 'running' });
      }),
    destroy,
    restart: () => {
      node = nextProcess();
    },
  };
}

describe('the container that is started for a shell', () => {
  it('runs a script that only waits, and writes no file variable', async (t) => {
    const build = await open(t, { 'build#1': { isEndless: true } });
    const { world } = build;
    await build.prepare();
    const { text } = world.spool.saved;
    assert.equal(await build.start(1), true);
    assert.equal(containerOf(world).status.state, 'running');
    assert.match(world.disk.files.build.script, /while sleep 3600/);
    assert.doesNotMatch(world.disk.files.build.script, /canary/);
    assert.deepEqual(containerOf(world).archives, []);
    assert.equal(world.spool.saved.text, text, 'nothing is in the trace of it');
  });

  it('is started once for each number, also by the next process', async (t) => {
    const build = await open(t, { 'build#1': { isEndless: true } });
    await build.prepare();
    await build.start(1);
    await build.start(1);
    build.restart();
    await build.start(1);
    assert.deepEqual(build.world.started, ['build#1']);
  });

  it('gives way to the next stage, which is run once and to its end', async (t) => {
    const build = await open(t, { 'build#1': { isEndless: true }, 'build#2': { exitCode: 3 } });
    await build.prepare();
    await build.start(1);
    assert.deepEqual(await build.run('step_script'), { kind: 'script_failed', exitCode: 3 });
    assert.deepEqual(build.world.started, ['build#1', 'build#2']);
  });

  it('is started after a stage that has ended, and does not run its script again', async (t) => {
    const build = await open(t, { 'build#1': { exitCode: 3 }, 'build#2': { isEndless: true } });
    await build.prepare();
    await build.run('step_script');
    assert.equal(await build.start(1), true);
    assert.deepEqual(build.world.started, ['build#1', 'build#2']);
    assert.match(build.world.disk.files.build.script, /while sleep 3600/);
    await build.destroy();
    assert.equal(build.world.docker.containers.size, 0);
  });

  it('is none where the job has none, and none is made', async (t) => {
    const build = await open(t, {});
    assert.equal(await build.start(1), false);
    assert.equal(build.world.docker.containers.size, 0);
  });
});
