import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TransientError } from '../../../src/domain/failure.ts';
import type { PlannedStage } from '../../../src/domain/context/stage.ts';
import { runActivity } from '../support/drive.ts';
import { createManualClock } from '../support/manual-clock.ts';
import {
  buildContainer,
  helperContainer,
  prepared,
  SOURCES,
  type Setting,
} from '../support/prepared-stage.ts';
import { until } from '../support/world.ts';

const CLEANUP: PlannedStage = { name: 'cleanup_file_variables', place: 'helper', attempts: 1 };

function destroy({ node, build }: Setting): Promise<void> {
  return runActivity(() => node.destroyEnvironment(build, CLEANUP));
}

describe('a clean-up when the environment is removed', () => {
  it('runs before the containers are removed, and prints nothing', async () => {
    const setting = await prepared({ 'helper#2': { says: 'never shown' } });
    const { world, run } = setting;
    await run(SOURCES);
    await run();
    const { text } = world.spool.saved;
    await destroy(setting);
    assert.deepEqual(world.started, ['helper#1', 'build#1', 'helper#2']);
    assert.match(world.disk.files.helper.script, /credential|rm/);
    assert.equal(world.docker.containers.size, 0);
    assert.equal(world.spool.saved.text, text);
  });

  it('does not keep the containers when it fails', async () => {
    const warnings: string[] = [];
    const log = {
      ...{ debug: () => undefined, info: () => undefined, error: () => undefined },
      warn: (message: string) => void warnings.push(message),
    };
    const setting = await prepared({ 'helper#1': { exitCode: 4 } }, { ports: { log } });
    await destroy(setting);
    assert.deepEqual([setting.world.started, warnings], [['helper#1'], ['clean-up stage failed']]);
    assert.equal(setting.world.docker.containers.size, 0);
  });

  it('begins when the job’s container has ended, which it ends if need be', async () => {
    const setting = await prepared({ 'build#1': { isEndless: true } });
    const running = setting.run();
    await until(() => setting.world.started.includes('build#1'));
    const container = buildContainer(setting.world);
    await destroy(setting);
    assert.notEqual(container.status.state, 'running');
    await running.catch(() => undefined);
    assert.deepEqual(setting.world.started, ['build#1', 'helper#1']);
  });

  it('is begun anew when its container was killed before it began', async () => {
    const setting = await prepared({});
    const { world } = setting;
    const helper = helperContainer(setting.world);
    // The container does not learn of its stage.
    world.disk.files.helper.wake = undefined;
    const destroying = destroy(setting);
    await until(() => world.disk.notes.has('start cleanup_file_variables#1'));
    helper.status = { ...helper.status, state: 'exited', exitCode: 137 };
    await destroying;
    assert.deepEqual([helper.starts, world.started], [2, ['helper#1']]);
    assert.equal(world.docker.containers.size, 0);
  });

  it('is ended when it takes longer than five minutes', async () => {
    const clock = createManualClock();
    const scripts = { 'helper#1': { isEndless: true } };
    const setting = await prepared(scripts, { ports: { clock } });
    const destroying = destroy(setting);
    await until(() => setting.world.started.includes('helper#1'));
    await clock.pass(5 * 60_000 - 1);
    assert.equal(setting.world.docker.containers.size, 2);
    await clock.pass(1);
    await destroying;
    assert.equal(setting.world.docker.containers.size, 0);
  });

  it('gives up one that neither ends nor can be ended, and the rest is removed', async () => {
    const clock = createManualClock();
    const scripts = { 'helper#1': { isEndless: true } };
    const stopContainer = (name: string) =>
      name.endsWith('-predefined')
        ? Promise.reject(new TransientError('Docker hangs'))
        : Promise.resolve();
    const setting = await prepared(scripts, { ports: { clock }, engine: { stopContainer } });
    const destroying = destroy(setting);
    await until(() => setting.world.started.includes('helper#1'));
    await clock.pass(5 * 60_000);
    assert.equal(setting.world.docker.containers.size, 2);
    await clock.pass(30_000);
    await destroying;
    assert.equal(setting.world.docker.containers.size, 0);
  });

  it('is run in a new helper where somebody has removed it', async () => {
    const setting = await prepared({});
    const helper = helperContainer(setting.world);
    setting.world.docker.containers.delete(helper.status.id);
    await destroy(setting);
    assert.deepEqual(
      [setting.world.started, setting.world.docker.containers.size],
      [['helper#1'], 0],
    );
  });

  it('is not run again when a removal is tried again', async () => {
    let failures = 1;
    const setting = await prepared(
      {},
      {
        engine: {
          removeVolume: () =>
            failures-- > 0 ? Promise.reject(new TransientError('busy')) : Promise.resolve(),
        },
        changes: { job: { variables: [{ key: 'GIT_STRATEGY', value: 'clone' }] } },
      },
    );
    await assert.rejects(destroy(setting), TransientError);
    await destroy(setting);
    assert.deepEqual(setting.world.started, ['helper#1']);
  });
});
