import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PlannedStage, StageName } from '../../../src/domain/context/stage.ts';
import { runActivity } from '../support/drive.ts';
import {
  helperContainer,
  preparedForTwo,
  SCRIPT,
  type TwoProcesses,
} from '../support/prepared-stage.ts';
import { until, type FakeContainer, type WorldOptions } from '../support/world.ts';

function ofHelper(name: StageName): PlannedStage {
  return { name, place: 'helper', attempts: 1 };
}

interface Setting extends TwoProcesses {
  readonly helper: FakeContainer;
}

/** A build with a prepared environment. */
async function prepared(options: WorldOptions = {}): Promise<Setting> {
  const setting = await preparedForTwo(options);
  return { ...setting, helper: helperContainer(setting.world) };
}

/** Ends the helper like a restart of Docker. */
function kill({ helper }: Setting, exitCode: number): void {
  helper.status = { ...helper.status, state: 'exited', exitCode };
}

const succeeded = { kind: 'succeeded' };

describe('stages of a helper that waits for them', () => {
  it('run one after another in one early start', async () => {
    const setting = await prepared();
    const { world, helper, run } = setting;
    assert.deepEqual([helper.starts, helper.status.state, world.started], [1, 'running', []]);
    assert.deepEqual(await run(ofHelper('get_sources')), succeeded);
    assert.deepEqual(await run(SCRIPT), succeeded);
    assert.deepEqual(await run(ofHelper('cleanup_file_variables')), succeeded);
    assert.deepEqual(world.started, ['helper#1', 'build#1', 'helper#2']);
    assert.deepEqual([helper.starts, helper.status.state], [1, 'running']);
  });

  it('are started one by one on a node without named pipes', async () => {
    const { helper, run } = await prepared({ wakePipes: 'none' });
    assert.equal(helper.starts, 0);
    await run(ofHelper('get_sources'));
    await run(ofHelper('cleanup_file_variables'));
    assert.deepEqual([helper.starts, helper.status.state], [2, 'exited']);
  });

  it('are started one by one when the container cannot read the named pipe', async () => {
    const { helper, run, world } = await prepared({ wakePipes: 'unshared' });
    assert.deepEqual(await run(ofHelper('get_sources')), succeeded);
    assert.deepEqual(await run(ofHelper('cleanup_file_variables')), succeeded);
    assert.deepEqual([helper.starts, world.started], [3, ['helper#1', 'helper#2']]);
    assert.deepEqual(world.docker.sharedPipes, [false, false], 'the engine is told');
    assert.doesNotMatch(world.spool.saved.text, /ERROR|WARNING/);
  });

  it('continue after a restart of Docker between them', async () => {
    const setting = await prepared();
    kill(setting, 255);
    assert.deepEqual(await setting.run(ofHelper('get_sources')), succeeded);
    kill(setting, 255);
    assert.deepEqual(await setting.again(ofHelper('get_sources')), succeeded);
    assert.deepEqual(await setting.run(ofHelper('cleanup_file_variables')), succeeded);
    assert.deepEqual([setting.helper.starts, setting.helper.runs], [3, 2]);
  });

  it('are system failures when Docker is restarted while one runs', async () => {
    const setting = await prepared({ scripts: { 'helper#1': { isEndless: true } } });
    const running = setting.run(ofHelper('get_sources'));
    await until(() => setting.world.disk.files.helper.state !== '');
    kill(setting, 255);
    assert.equal((await running).kind, 'system_failed');
    assert.deepEqual([setting.helper.starts, setting.helper.runs], [1, 1]);
  });

  it('are never run again after a start that Docker has forgotten', async () => {
    const setting = await prepared();
    const { helper, world, run } = setting;
    kill(setting, 0);
    world.disk.files.helper.state = 'nonce-1 begun 17';
    world.disk.notes.set('start get_sources#1', {
      ...{ nonce: 'nonce-1', containerId: helper.status.id, waits: true, opensStdin: false },
      ...{ previousStartedAt: helper.status.startedAt, sinceMs: 1_000_000 },
    });
    const outcome = await run(ofHelper('get_sources'));
    assert.ok(outcome.kind === 'system_failed' && /lost its container/.test(outcome.message));
    assert.deepEqual(world.started, []);
  });

  it('end one that did not stop in time before the next one begins', async () => {
    const { world, helper, run } = await prepared();
    world.disk.files.helper.state = 'nonce-of-another begun 17';
    assert.deepEqual(await run(ofHelper('get_sources')), succeeded);
    assert.equal(helper.starts, 2);
  });

  it('end with their container when they fail', async () => {
    const scripts = { 'helper#1': { exitCode: 4 } };
    const { helper, run } = await prepared({ scripts });
    assert.deepEqual(await run(ofHelper('get_sources')), { kind: 'script_failed', exitCode: 4 });
    assert.equal(helper.status.state, 'exited');
    assert.deepEqual(await run(ofHelper('cleanup_file_variables')), succeeded);
    assert.equal(helper.starts, 2);
  });

  it('continue after the stop of a stage in the job’s own container', async () => {
    const { world, node, build, helper, run } = await prepared({
      scripts: { 'build#1': { isEndless: true } },
    });
    const running = run(SCRIPT);
    await until(() => world.started.length === 1);
    await runActivity(() => node.stopStage(build, { how: 'graceful', reason: 'canceled' }));
    assert.deepEqual(await running, { kind: 'stopped' });
    assert.deepEqual([helper.starts, helper.status.state], [1, 'running']);
  });

  it('are stopped with their container, and not started again', async () => {
    const { world, node, build, helper, run } = await prepared({
      scripts: { 'helper#1': { isEndless: true } },
    });
    const running = run(ofHelper('get_sources'));
    await until(() => world.started.length === 1);
    await runActivity(() => node.stopStage(build, { how: 'kill', reason: 'canceled' }));
    assert.deepEqual(await running, { kind: 'stopped' });
    assert.deepEqual([helper.starts, helper.status.state], [1, 'exited']);
  });
});
