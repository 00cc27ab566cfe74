import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import type { PlannedStage } from '../../../src/domain/context/stage.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { buildContainer, SCRIPT } from '../support/prepared-stage.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, tick, until, type World } from '../support/world.ts';

const CLEANUP: PlannedStage = { name: 'cleanup_file_variables', place: 'helper', attempts: 1 };
const AFTER: PlannedStage = { name: 'after_script', place: 'build', attempts: 1 };

/** A build whose containers fill the node's disk when `fill` is called, until they are removed. */
async function open(scripts: World['scripts'] = {}, { isCanceled = false } = {}) {
  const context = contextOf();
  const build = { buildId: context.buildId };
  const world = createWorld(context, { scripts });
  const plain = openProcess(world);
  const { builds, traces, engine } = plain.ports;
  let isFull = false;
  const failIfFull = (): void => {
    const cause = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    if (isFull) throw new TransientError('cannot write /trace', { cause });
  };
  const unlessFull =
    <A extends unknown[], T>(write: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      failIfFull();
      return write(...args);
    };
  let nowMs = 0;
  const clock = {
    ...{ nowMs: () => nowMs, monotonicMs: () => nowMs },
    sleep: async (ms: number) => {
      nowMs += ms;
      await tick();
    },
  };
  const { node } = openProcess(world, {
    coordinator: {
      updateJob: () =>
        Promise.resolve({ kind: 'done', remote: isCanceled ? 'canceling' : 'running' }),
    },
    engine: {
      removeContainer: async (...args) => {
        await engine(context.runner).removeContainer(...args);
        isFull = false;
      },
    },
    ports: {
      clock,
      builds: { ...builds, writeNote: unlessFull(builds.writeNote) },
      traces: {
        ...traces,
        open: async (...args) => {
          const writer = await traces.open(...args);
          const changes: Partial<typeof writer> = {
            // Lines that the disk does not take wait in memory.
            appendOnce: (key, text) => writer.appendOnce(key, text).then(failIfFull),
            checkpoint: unlessFull(writer.checkpoint),
          };
          return Object.assign(Object.create(writer) as typeof writer, changes);
        },
      },
    },
  }).activities;
  await runActivity(() => node.prepareEnvironment(build));
  const run = (stage: PlannedStage): Promise<StageOutcome> =>
    runActivity(() => node.runStage(build, { stage, attempt: 1, jobStatus: 'running' }));
  return { world, node, build, run, fill: () => void (isFull = true) };
}

describe('a disk that a build itself has filled', () => {
  it('does not keep a silent script from being stopped', async () => {
    const { world, node, build, run, fill } = await open({ 'build#1': { isEndless: true } });
    const running = run(SCRIPT);
    running.catch(() => undefined);
    await until(() => world.disk.files.build.state !== '');
    fill();
    await runActivity(() => node.stopStage(build, { how: 'graceful', reason: 'canceled' }));
    await assert.rejects(running, /cannot write/);
    assert.match(world.spool.saved.text, /The stage is stopped: canceled/);
  });

  it('does not keep GitLab from telling that the job is canceled', async () => {
    const { node, build, fill } = await open({}, { isCanceled: true });
    await runActivity(() => node.acknowledgeJob(build));
    fill();
    const options = { ignoreCanceling: false };
    assert.equal(await runActivity(() => node.uploadTrace(build, options)), 'canceling');
  });

  it('ends the stage even when the stage has no output that could be deleted', async () => {
    const { world, run, fill } = await open({ 'build#1': { isEndless: true } });
    const running = run(SCRIPT);
    running.catch(() => undefined);
    await until(() => world.disk.files.build.state !== '');
    fill();
    const container = buildContainer(world);
    container.status = { ...container.status, state: 'exited', exitCode: 1 };
    await assert.rejects(running, /cannot write/);
    const failed = {
      kind: 'system_failed',
      type: 'RunnerSystem',
      message: 'cannot write /trace',
    };
    assert.deepEqual(await run(SCRIPT), failed);
    assert.deepEqual(await run(AFTER), failed);
    assert.equal(world.started.length, 1);
  });

  it('does not keep the containers that fill it from being removed', async () => {
    const { world, node, build, fill } = await open();
    fill();
    await runActivity(() => node.destroyEnvironment(build, CLEANUP));
    assert.equal(world.docker.containers.size, 0);
    await assert.rejects(runActivity(() => node.prepareEnvironment(build)));
  });
});
