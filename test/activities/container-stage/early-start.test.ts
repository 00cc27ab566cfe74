import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import {
  AFTER_SCRIPT,
  buildContainer,
  preparedForTwo,
  SCRIPT,
  SOURCES,
  WITH_AFTER_SCRIPT,
  type TwoProcesses,
  type TwoProcessesOptions,
} from '../support/prepared-stage.ts';
import { openProcess } from '../support/process.ts';
import { until, type FakeContainer } from '../support/world.ts';

interface Setting extends TwoProcesses {
  /** The job's container that was started early. */
  readonly early: FakeContainer;
  /** The job's container as it is now. */
  readonly now: () => FakeContainer | undefined;
}

/** A build with a prepared environment. */
async function prepared(options: TwoProcessesOptions = {}): Promise<Setting> {
  const setting = await preparedForTwo({ changes: WITH_AFTER_SCRIPT, ...options });
  const now = (): FakeContainer | undefined =>
    [...setting.world.docker.containers.values()].find(({ spec }) => spec.name.endsWith('-build'));
  return { ...setting, early: buildContainer(setting.world), now };
}

function endOf({ early }: Setting, exitCode: number): void {
  early.status = { ...early.status, state: 'exited', exitCode };
}

const succeeded = { kind: 'succeeded' };

describe('a job’s container that was started early', () => {
  it('runs the first script, and is started for each one after it', async () => {
    const { world, early, run } = await prepared();
    assert.deepEqual([early.starts, early.status.state, world.started], [1, 'running', []]);
    assert.deepEqual(await run(SOURCES), succeeded);
    assert.deepEqual(await run(SCRIPT), succeeded);
    assert.deepEqual([early.starts, early.status.state], [1, 'exited']);
    assert.deepEqual(await run(AFTER_SCRIPT), succeeded);
    assert.deepEqual([early.starts, early.runs], [2, 2]);
    assert.deepEqual(world.started, ['helper#1', 'build#1', 'build#2']);
  });

  it('is not made with an entrypoint, or without named pipes', async () => {
    for (const options of [{ entrypoint: ['/tool'] }, { wakePipes: 'none' }] as const) {
      const { early, run } = await prepared(options);
      assert.equal(early.starts, 0);
      assert.deepEqual(await run(SCRIPT), succeeded);
      assert.equal(early.starts, 1);
    }
  });

  it('is started again for another process, which knows nothing of it', async () => {
    const { early, now, again } = await prepared();
    assert.deepEqual(await again(SCRIPT), succeeded);
    assert.equal(now(), early);
    assert.deepEqual([early.starts, early.runs], [2, 1]);
  });

  it('is started again after a stage that has failed in this process', async () => {
    let isAway = true;
    const { early, run } = await prepared({
      engine: (world) => ({
        inspectContainer: (name) => {
          const all = [...world.docker.containers.values()];
          const found = all.find(({ spec, status }) => [spec.name, status.id].includes(name));
          if (!isAway || !name.endsWith('-predefined')) return Promise.resolve(found?.status);
          isAway = false;
          return Promise.reject(new TransientError('cannot reach Docker'));
        },
      }),
    });
    await assert.rejects(run(SOURCES), TransientError);
    assert.deepEqual(await run(SOURCES), succeeded);
    assert.deepEqual(await run(SCRIPT), succeeded);
    assert.deepEqual([early.starts, early.runs], [2, 1]);
  });

  it('is replaced when it has ended, and nobody is told', async () => {
    const setting = await prepared();
    endOf(setting, 255);
    assert.deepEqual(await setting.run(SCRIPT), succeeded);
    assert.notEqual(setting.now(), setting.early);
    assert.deepEqual([setting.early.runs, setting.now()?.runs], [0, 1]);
    assert.doesNotMatch(setting.world.spool.saved.text, /ERROR|WARNING/);
  });

  for (const [how, status, isReplaced] of [
    ['got no answer', undefined, true],
    ['was refused', 500, false],
  ] as const) {
    const becomes = isReplaced ? 'replaced from the same image' : 'started with its script';
    it(`is ${becomes} when its start ${how}, and nobody is told`, () =>
      failEarly(status, isReplaced));
  }

  const failEarly = async (status: number | undefined, isReplaced: boolean): Promise<void> => {
    const setting = await prepared({
      engine: (world) => {
        const { ports } = openProcess(world);
        const engine = ports.engine(contextOf().runner);
        return {
          startContainer: (name) =>
            name.startsWith('id-') && name.endsWith('-build')
              ? Promise.reject(new TransientError('busy', status === undefined ? {} : { status }))
              : engine.startContainer(name),
        };
      },
    });
    const { pulls } = setting.world.docker;
    const before = pulls.length;
    assert.deepEqual(await setting.run(SCRIPT), succeeded);
    assert.equal(setting.now() !== setting.early, isReplaced);
    assert.equal(pulls.length, before);
    assert.doesNotMatch(setting.world.spool.saved.text, /busy|ERROR|WARNING/);
  };

  it('is replaced when it does not notice the wake-up pipe', async () => {
    const setting = await prepared({ wakePipes: 'unshared' });
    assert.deepEqual(await setting.run(SCRIPT), succeeded);
    assert.deepEqual([setting.early.runs, setting.now()?.runs], [0, 1]);
    assert.deepEqual(setting.world.docker.sharedPipes, [false]);
  });

  it('is a system failure when Docker ends it while its script runs', async () => {
    const setting = await prepared({ scripts: { 'build#1': { isEndless: true } } });
    const running = setting.run(SCRIPT);
    await until(() => setting.world.disk.files.build.state !== '');
    endOf(setting, 255);
    assert.equal((await running).kind, 'system_failed');
    assert.equal(setting.now(), setting.early);
    assert.deepEqual([setting.early.starts, setting.early.runs], [1, 1]);
  });

  it('never runs a script again that has emptied the record of its beginning', async () => {
    for (const which of ['run', 'again'] as const) {
      const setting = await prepared({ scripts: { 'build#1': { isEndless: true } } });
      const first = setting.run(SCRIPT);
      const { files } = setting.world.disk;
      await until(() => files.build.state !== '' && files.build.output !== '');
      files.build.state = '';
      const other = which === 'again' ? setting.again(SCRIPT) : first;
      endOf(setting, 137);
      assert.equal((await other).kind, 'system_failed');
      await first;
      assert.deepEqual([setting.now(), setting.early.runs], [setting.early, 1]);
    }
  });

  it('is ended at once when the job is stopped before its script', async () => {
    const hows: string[] = [];
    const { world, node, build, run } = await prepared({
      scripts: { 'helper#1': { isEndless: true } },
      engine: (of) => ({
        stopContainer: (name, how) => {
          hows.push(`${name.endsWith('-build') ? 'build' : 'helper'} ${how}`);
          const ended = [...of.docker.containers.values()].find(({ spec }) => spec.name === name);
          assert.ok(ended !== undefined);
          ended.status = { ...ended.status, state: 'exited', exitCode: 137 };
          return Promise.resolve();
        },
      }),
    });
    const running = run(SOURCES);
    await until(() => world.started.length === 1);
    await runActivity(() => node.stopStage(build, { how: 'graceful', reason: 'canceled' }));
    assert.deepEqual(await running, { kind: 'stopped' });
    assert.deepEqual(hows, ['build kill', 'helper kill']);
  });
});
