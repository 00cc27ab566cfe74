import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import { COPIER_AT_LIMIT } from '../../../src/domain/script/stage-state.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import {
  AFTER_SCRIPT,
  buildContainer,
  preparedForTwo,
  SCRIPT,
  WITH_AFTER_SCRIPT,
  type TwoProcesses,
  type TwoProcessesOptions,
} from '../support/prepared-stage.ts';
import { tick, type FakeContainer, type FakeScript, type World } from '../support/world.ts';

interface Setting extends TwoProcesses {
  readonly container: FakeContainer;
}

/** The worlds of the current test. */
const worlds: World[] = [];

async function prepared(options: TwoProcessesOptions = {}): Promise<Setting> {
  const setting = await preparedForTwo({ changes: WITH_AFTER_SCRIPT, ...options });
  worlds.push(setting.world);
  return { ...setting, container: buildContainer(setting.world) };
}

const succeeded = { kind: 'succeeded' };

/** Docker tells the end of the container at last. */
function endOf({ container }: Setting, exitCode = 0): void {
  container.status = { ...container.status, state: 'exited', exitCode };
}

/** Long enough for everything that does not wait for Docker. */
async function aWhile(): Promise<void> {
  for (let ticks = 0; ticks < 200; ticks += 1) await tick();
}

/** Whether the stage is still running after a while. */
async function isPending(running: Promise<unknown>): Promise<boolean> {
  const over = running.then(
    () => true,
    () => true,
  );
  return !(await Promise.race([over, aWhile().then(() => false)]));
}

const lingering = (script: FakeScript = {}) => ({
  scripts: { 'build#1': { ...script, lingers: true } },
});

describe('the end of a script that marks it', () => {
  afterEach(() => {
    // Somebody still waits for the end of the containers.
    for (const { docker } of worlds.splice(0)) {
      for (const container of docker.containers.values()) {
        container.status = { ...container.status, state: 'exited' };
      }
    }
  });

  it('is known before Docker tells of it, with all of the log', async () => {
    const { world, container, run } = await prepared(
      lingering({ warning: 'locale!', says: 'last' }),
    );
    assert.deepEqual(await run(SCRIPT), succeeded);
    assert.equal(container.status.state, 'running');
    assert.match(world.spool.saved.text, /locale!\nbuild#1 begins\nlast\nbuild#1 ends\n/);
    assert.doesNotMatch(world.spool.saved.text, /temporal-gitlab-runner: /);
  });

  it('is known while Docker answers no reading of the log', async () => {
    const { world, container, run } = await prepared({
      ...lingering({ warning: 'locale!' }),
      engine: () => ({ readLogs: () => new Promise(() => undefined) }),
    });
    assert.deepEqual(await run(SCRIPT), succeeded);
    assert.equal(container.status.state, 'running');
    assert.match(world.spool.saved.text, /locale!\nbuild#1 begins\n/);
  });

  it('is known in the same way to a process that comes after it', async () => {
    const { world, container, run, again } = await prepared(lingering({ warning: 'locale!' }));
    assert.deepEqual(await run(SCRIPT), succeeded);
    // The other process has died right before it wrote this note.
    world.disk.notes.delete('outcome step_script#1');
    assert.deepEqual(await again(SCRIPT), succeeded);
    assert.deepEqual([container.status.state, container.runs], ['running', 1]);
    const { text } = world.spool.saved;
    for (const line of ['locale!\n', 'build#1 ends\n']) assert.equal(text.split(line).length, 2);
  });

  const slow: [why: string, script: FakeScript, outcome: StageOutcome][] = [
    ['that has failed', { exitCode: 3 }, { kind: 'script_failed', exitCode: 3 }],
    ['that has used the container’s own log', { saysAsFirst: 'as pid 1' }, { kind: 'succeeded' }],
    ['whose output was cut', { copier: COPIER_AT_LIMIT }, { kind: 'succeeded' }],
  ];
  for (const [why, script, outcome] of slow) {
    it(`is told by Docker for a script ${why}`, async () => {
      const setting = await prepared(lingering(script));
      const running = setting.run(SCRIPT);
      assert.ok(await isPending(running));
      endOf(setting, script.exitCode);
      assert.deepEqual(await running, outcome);
      const { text } = setting.world.spool.saved;
      assert.match(text, new RegExp(`build#1 ends\n(.*\n)*${script.saysAsFirst ?? ''}`));
      assert.doesNotMatch(text, /temporal-gitlab-runner: /);
    });
  }

  it('is told by Docker where the log cannot be followed', async () => {
    const setting = await prepared({
      ...lingering({ warning: 'locale!' }),
      engine: () => ({ followLogs: () => Promise.reject(new TransientError('no')) }),
    });
    const running = setting.run(SCRIPT);
    assert.ok(await isPending(running));
    endOf(setting);
    assert.deepEqual(await running, succeeded);
    const { text } = setting.world.spool.saved;
    assert.equal(text.match(/locale!\n/g)?.length, 1);
    assert.doesNotMatch(text, /temporal-gitlab-runner: /);
  });

  it('is told by Docker for a container with an entrypoint, which marks nothing', async () => {
    const setting = await prepared({ ...lingering(), entrypoint: ['/tool'] });
    const running = setting.run(SCRIPT);
    assert.ok(await isPending(running));
    endOf(setting);
    assert.deepEqual(await running, succeeded);
    assert.deepEqual(setting.container.log, []);
  });

  for (const next of [
    AFTER_SCRIPT,
    { name: 'archive_cache', place: 'transfer', attempts: 1 },
  ] as const) {
    it(`holds ${next.name} back until the container has ended`, async () => {
      const setting = await prepared(lingering({ warning: 'locale!' }));
      assert.deepEqual(await setting.run(SCRIPT), succeeded);
      const running = setting.run(next);
      assert.ok(await isPending(running));
      assert.equal(setting.container.starts, 1);
      endOf(setting);
      assert.deepEqual(await running, succeeded);
      assert.equal(setting.container.status.exitCode, 0, 'it was not killed');
      assert.equal(setting.world.spool.saved.text.match(/locale!\n/g)?.length, 1);
    });
  }

  it('shows what is said after it with the next stage', async () => {
    const setting = await prepared({
      scripts: { 'build#1': { lingers: true }, 'build#2': { warning: 'locale!' } },
    });
    assert.deepEqual(await setting.run(SCRIPT), succeeded);
    setting.container.log.push({ stream: 'stdout', text: 'too late\n' });
    endOf(setting);
    assert.deepEqual(await setting.run(AFTER_SCRIPT), succeeded);
    assert.match(
      setting.world.spool.saved.text,
      /build#1 ends\n[^]*too late\nlocale!\nbuild#2 begins\n/,
    );
    assert.doesNotMatch(setting.world.spool.saved.text, /temporal-gitlab-runner: /);
  });
});
