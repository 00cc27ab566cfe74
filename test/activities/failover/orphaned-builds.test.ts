import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import type { PlannedStage } from '../../../src/domain/context/stage.ts';
import type { BuildOutcome } from '../../../src/domain/context/outcome.ts';
import { ContainerGone } from '../../../src/domain/failure.ts';
import type { ContainerEngine } from '../../../src/ports/index.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { createFakeEngine } from '../support/fake-engine.ts';
import { runStageOn, SCRIPT } from '../support/prepared-stage.ts';
import { openProcess, type ProcessOptions } from '../support/process.ts';
import { createWorld, tick, until, type World } from '../support/world.ts';

const OUTCOME: BuildOutcome = {
  ...{ state: 'failed', reason: 'runner_system_failure', exitCode: undefined },
  message: 'somebody has terminated the workflow',
};
const DOWNLOAD: PlannedStage = { name: 'download_artifacts', place: 'transfer', attempts: 1 };

const context = contextOf({
  job: {
    variables: [{ key: 'EXECUTOR_JOB_SECTION_ATTEMPTS', value: '3' }],
    dependencies: [
      { id: 7, name: 'compile', token: 't', artifacts_file: { filename: 'a.zip', size: 1 } },
    ],
  },
});
const build = { buildId: context.buildId };

function open(world: World, options: ProcessOptions = {}) {
  const { node, orphaned } = openProcess(world, options).activities;
  return {
    prepare: () => runActivity(() => node.prepareEnvironment(build)),
    run: runStageOn(node, build),
    report: () => orphaned.report(build.buildId, OUTCOME),
  };
}

/** Docker, which tells who uses a container that it was removed. */
function engineOf(world: World): ContainerEngine {
  const engine = createFakeEngine(world);
  const whileThere = async <T>(name: string, call: () => Promise<T>): Promise<T> => {
    try {
      return await call();
    } catch (error) {
      throw (await engine.inspectContainer(name)) === undefined ? new ContainerGone(name) : error;
    }
  };
  return {
    ...engine,
    waitForExit: (name, signal) => whileThere(name, () => engine.waitForExit(name, signal)),
    readLogs: (name, options) => whileThere(name, async () => engine.readLogs(name, options)),
  };
}

function assertReported({ docker, gitlab }: World): void {
  assert.equal(docker.containers.size, 0);
  assert.equal(gitlab.state, 'failed');
  assert.match(gitlab.trace, /somebody has terminated the workflow/);
}

describe('the report of a build whose workflow was terminated', () => {
  it('ends a script for good, also in a job that allows more attempts', async () => {
    const world = createWorld(context, { scripts: { 'build#1': { isEndless: true } } });
    const { prepare, run, report } = open(world, { engine: engineOf(world) });
    await prepare();
    const running = run(SCRIPT);
    await until(() => world.disk.files.build.state !== '');
    let hasReported = false;
    const reporting = report().then(() => {
      hasReported = true;
    });
    await until(() => hasReported || world.started.length > 1);
    assert.deepEqual(world.started, ['build#1']);
    await Promise.all([running, reporting]);
    assertReported(world);
    assert.doesNotMatch(world.gitlab.trace, /Will retry/);
  });

  it('ends a transfer that would go on for ever', async () => {
    const world = createWorld(context);
    let asked = 0;
    const { prepare, run, report } = open(world, {
      coordinator: {
        downloadArtifact: async (_credentials, { signal }) => {
          asked += 1;
          await once(signal, 'abort');
          throw signal.reason;
        },
      },
    });
    await prepare();
    const running = run(DOWNLOAD);
    await until(() => asked > 0);
    await report();
    assert.deepEqual(await running, { kind: 'stopped' });
    assertReported(world);
  });

  it('removes what the preparation was just creating', async () => {
    const world = createWorld(context);
    const engine = createFakeEngine(world);
    let isCreating = false;
    let create = (): void => undefined;
    const mayCreate = new Promise<void>((resolve) => {
      create = resolve;
    });
    const { prepare, report } = open(world, {
      engine: {
        createContainer: async (spec) => {
          isCreating = true;
          await mayCreate;
          return engine.createContainer(spec);
        },
      },
    });
    const preparing = prepare();
    await until(() => isCreating);
    const reporting = report();
    // Enough for everything that does not wait for the creation.
    for (let ticks = 0; ticks < 100; ticks += 1) await tick();
    create();
    await reporting;
    await preparing.catch(() => undefined);
    assertReported(world);
  });
});
