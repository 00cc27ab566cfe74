import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StageRequest } from '../../src/activities/contract.ts';
import type { PlannedStage } from '../../src/domain/context/stage.ts';
import { FinalError, TransientError } from '../../src/domain/failure.ts';
import { stdinLoader } from '../../src/domain/script/stage-command.ts';
import type { ContainerEngine } from '../../src/ports/index.ts';
import { contextOf } from '../domain/job/context-fixture.ts';
import { runActivity } from './support/drive.ts';
import { createFakeStore } from './support/fake-disk.ts';
import { endlessPull, remove } from './support/fake-engine.ts';
import { gate } from '../support/gate.ts';
import { openProcess } from './support/process.ts';
import { until } from './support/world.ts';
import {
  SCRIPT,
  SOURCES,
  type Setting,
  prepared,
  buildContainer,
  runStageOn,
} from './support/prepared-stage.ts';

describe('a stage whose container reads its script from stdin', () => {
  const DROPS = { dropsCommand: true };

  /** The state after a process died while it wrote: Docker has closed the stdin without content. */
  async function failFilling({ world, build }: Setting, stage: PlannedStage): Promise<void> {
    const { node } = openProcess(world, {
      engine: {
        fillStdin: () => {
          buildContainer(world).isStdinShut = true;
          return Promise.reject(new TransientError('the connection was closed'));
        },
      },
    }).activities;
    const request: StageRequest = { stage, attempt: 1, jobStatus: 'running' };
    await assert.rejects(runActivity(() => node.runStage(build, request)));
  }

  it('gets it there, but not if the image has no entrypoint', async () => {
    for (const [entrypoint, read] of [
      [['sh'], stdinLoader()],
      [[''], ''],
      [[], ''],
    ] as const) {
      const { world, run } = await prepared({}, { entrypoint });
      await run();
      assert.deepEqual(buildContainer(world).reads, [read]);
    }
  });

  it('gets another container when the process died while it wrote the script', async () => {
    const removals: unknown[] = [];
    const removeContainer: ContainerEngine['removeContainer'] = (_name, options) => {
      removals.push(options);
      remove(setting.world, buildContainer(setting.world));
      return Promise.resolve();
    };
    const setting = await prepared(
      { 'build#1': { ...DROPS, exitCode: 3 } },
      { entrypoint: ['sh'], engine: { removeContainer } },
    );
    const { id } = buildContainer(setting.world).status;
    await failFilling(setting, SCRIPT);
    assert.deepEqual(await setting.run(), { kind: 'script_failed', exitCode: 3 });
    assert.deepEqual(setting.world.started, ['build#1']);
    assert.notEqual(buildContainer(setting.world).status.id, id);
    assert.deepEqual(removals, [{ keepsVolumes: false }], 'its own volumes are empty');
  });

  it('is no success when nothing ran, also in a later stage of its container', async () => {
    const AFTER: PlannedStage = { name: 'after_script', place: 'build', attempts: 1 };
    const steps = [
      { name: 'script', script: ['make'] },
      { name: 'after_script', script: ['tidy'] },
    ];
    const setting = await prepared(
      { 'build#1': DROPS, 'build#2': DROPS },
      { entrypoint: ['sh'], changes: { job: { steps } } },
    );
    assert.deepEqual(await setting.run(), { kind: 'succeeded' });
    await failFilling(setting, AFTER);
    const outcome = await setting.run(AFTER);
    assert.equal(outcome.kind, 'system_failed');
    assert.match(JSON.stringify(outcome), /just as it handed the script to the container/);
    assert.deepEqual(setting.world.started, ['build#1', 'build#2']);
  });
});

describe('a stage', () => {
  it('that is called again returns the same and starts nothing', async () => {
    const { world, run } = await prepared({ 'build#1': { exitCode: 3 } });
    assert.deepEqual(await run(), await run());
    assert.deepEqual(world.started, ['build#1']);
  });

  it('that is called twice at once runs once', async () => {
    const { world, run } = await prepared({});
    await Promise.all([run(), run()]);
    assert.deepEqual(world.started, ['build#1']);
    assert.equal(world.spool.saved.text.split('build#1 ends').length, 2);
  });

  it('that is over before its begin is noticed shows its entrypoint first', async () => {
    const scripts = { 'build#1': { entrypoint: 'hello' } };
    const { world, build } = await prepared(scripts, { entrypoint: ['sh'] });
    const { node } = openProcess(world, {
      ports: {
        builds: {
          ...createFakeStore(world, () => true),
          whenBegun: (_buildId, _place, { signal }) => until(() => signal.aborted),
        },
        clock: {
          ...{ nowMs: () => 0, monotonicMs: () => 0 },
          sleep: (_ms, signal) => until(() => signal?.aborted === true),
        },
      },
    }).activities;
    const request: StageRequest = { stage: SCRIPT, attempt: 1, jobStatus: 'running' };
    await runActivity(() => node.runStage(build, request));
    assert.match(
      world.spool.saved.text,
      /hello before\nbuild#1 begins\nbuild#1 ends\nhello after$/m,
    );
  });

  it('writes its file variables by its script, so that nothing resets their modes', async () => {
    const variables = [{ key: 'KEY', value: 'secret', file: true }];
    const { world, run } = await prepared({}, { changes: { job: { variables } } });
    buildContainer(world).archives.length = 0;
    await run();
    assert.deepEqual(buildContainer(world).archives, []);
    assert.match(world.disk.files.build.script, /\/builds\/group\/app\.tmp\/KEY\W+secret/);
  });

  it('whose container was removed before it began gets another', async () => {
    const { world, run } = await prepared({});
    remove(world, buildContainer(world));
    assert.deepEqual(await run(), { kind: 'succeeded' });
    assert.deepEqual(world.started, ['build#1']);
  });

  it('whose container is created again ends at once when it is stopped', async () => {
    const pulling = gate();
    const setting = await prepared({});
    const { world, build } = setting;
    const { node } = openProcess(world, {
      engine: { pullImage: endlessPull(pulling.open) },
    }).activities;
    remove(world, buildContainer(world));
    const request: StageRequest = { stage: SCRIPT, attempt: 1, jobStatus: 'running' };
    const running = runActivity(() => node.runStage(build, request));
    await pulling.opened;
    await runActivity(() => node.stopStage(build, { how: 'graceful', reason: 'canceled' }));
    assert.deepEqual(await running, { kind: 'stopped' });
    assert.deepEqual(world.started, []);
  });

  it('whose container was removed after it began is a system failure, never run again', async () => {
    const { world, run, build } = await prepared({ 'build#1': { isEndless: true } });
    const { node } = openProcess(world).activities;
    void run().catch(() => undefined);
    await until(() => world.disk.files.build.state !== '');
    remove(world, buildContainer(world));
    const request = { stage: SCRIPT, attempt: 1, jobStatus: 'running' } as const;
    const outcome = await runActivity(() => node.runStage(build, request));
    assert.equal(outcome.kind, 'system_failed');
    assert.match(JSON.stringify(outcome), /is gone/);
    assert.deepEqual(world.started, ['build#1']);
  });

  it('whose container was removed after it began is run again when the job allows it', async () => {
    const attempts = { key: 'EXECUTOR_JOB_SECTION_ATTEMPTS', value: '2' };
    const scripts: { 'build#1'?: { isEndless: true } } = { 'build#1': { isEndless: true } };
    const { world, run, build } = await prepared(scripts, {
      changes: { job: { variables: [attempts] } },
    });
    const { node } = openProcess(world).activities;
    void run().catch(() => undefined);
    await until(() => world.disk.files.build.state !== '');
    remove(world, buildContainer(world));
    delete scripts['build#1'];
    const request = { stage: SCRIPT, attempt: 1, jobStatus: 'running' } as const;
    const outcome = await runActivity(() => node.runStage(build, request));
    assert.deepEqual(outcome, { kind: 'succeeded' });
    assert.equal(world.started.length, 2);
    assert.match(world.spool.saved.text, /not found or removed. Will retry...[^]*Retrying step_/);
  });

  it('whose container was replaced after it began is not run in the other', async () => {
    const { world, run, build } = await prepared({ 'build#1': { isEndless: true } });
    void run().catch(() => undefined);
    await until(() => world.disk.files.build.state !== '');
    const container = buildContainer(world);
    container.status = { ...container.status, id: 'another', state: 'created', startedAt: 'never' };
    const { node } = openProcess(world).activities;
    const request = { stage: SCRIPT, attempt: 1, jobStatus: 'running' } as const;
    const outcome = await runActivity(() => node.runStage(build, request));
    assert.equal(outcome.kind, 'system_failed');
    assert.deepEqual(world.started, ['build#1']);
  });

  it('kills processes that an earlier stage has left in its container', async () => {
    const { world, run } = await prepared({ 'build#1': { isEndless: true } });
    const { node } = openProcess(world).activities;
    void run().catch(() => undefined);
    await until(() => world.disk.files.build.state !== '');
    const after: PlannedStage = { name: 'after_script', place: 'build', attempts: 1 };
    const stage = { stage: after, attempt: 1, jobStatus: 'failed' } as const;
    const steps = [
      { name: 'script', script: ['x'] },
      { name: 'after_script', script: ['y'] },
    ];
    const context = contextOf({ job: { steps } });
    world.disk.records.set(context.buildId, context);
    const outcome = await runActivity(() => node.runStage({ buildId: context.buildId }, stage));
    assert.deepEqual(outcome, { kind: 'succeeded' });
    assert.deepEqual(world.started, ['build#1', 'build#2']);
  });

  it('that Docker cannot start now is started by the next call, once', async () => {
    const { world, run } = await prepared({});
    const { ports } = openProcess(world);
    const docker = ports.engine(contextOf().runner);
    let failures = 1;
    const { node } = openProcess(world, {
      engine: {
        startContainer: (name) =>
          failures-- > 0
            ? Promise.reject(new TransientError('Docker is restarting'))
            : docker.startContainer(name),
      },
    }).activities;
    const request = { stage: SCRIPT, attempt: 1, jobStatus: 'running' } as const;
    const call = () => runActivity(() => node.runStage({ buildId: contextOf().buildId }, request));
    await assert.rejects(call(), /Docker is restarting/);
    assert.deepEqual(await call(), { kind: 'succeeded' });
    assert.deepEqual(await run(), { kind: 'succeeded' });
    assert.deepEqual(world.started, ['build#1']);
  });

  it('that Docker cannot start for five minutes is given up', async () => {
    let nowMs = 0;
    const { world, run } = await prepared(
      {},
      {
        engine: { startContainer: () => Promise.reject(new TransientError('no bridge docker0')) },
        ports: {
          clock: { nowMs: () => 0, monotonicMs: () => nowMs, sleep: () => Promise.resolve() },
        },
      },
    );
    await assert.rejects(run(), TransientError);
    nowMs = 5 * 60_000 + 1;
    const outcome = await run();
    assert.deepEqual(outcome, {
      kind: 'system_failed',
      type: 'RunnerSystem',
      message: 'no bridge docker0',
    });
    assert.deepEqual(world.started, []);
  });

  it('without a program to run is a system failure, with its section closed', async () => {
    const missing = new FinalError('RunnerSystem', 'executable file not found');
    const { world, run } = await prepared(
      {},
      {
        changes: { job: { features: { trace_sections: true } } },
        engine: { startContainer: () => Promise.reject(missing) },
      },
    );
    assert.equal((await run()).kind, 'system_failed');
    assert.match(world.spool.saved.text, /section_end:1000:step_script/);
  });

  it('whose output cannot be kept fails its call, and nothing runs after it', async () => {
    const setting = await prepared({ 'build#1': { isEndless: true } });
    const { world, build } = setting;
    const full = new TransientError('disk full');
    const broken = openProcess(world);
    const traces = broken.ports.traces;
    const { node } = openProcess(world, {
      ports: {
        traces: {
          ...traces,
          open: async (context) => {
            const writer = await traces.open(context);
            return Object.assign(Object.create(writer) as typeof writer, {
              followFile: () => Promise.reject(full),
            });
          },
        },
      },
    }).activities;
    const request = { stage: SCRIPT, attempt: 1, jobStatus: 'running' } as const;
    await assert.rejects(
      runActivity(() => node.runStage(build, request)),
      full,
    );
    remove(world, buildContainer(world));
  });

  it('without a container writes its lines once', async () => {
    const { world, run } = await prepared({});
    const stage: PlannedStage = { name: 'prepare_script', place: 'runner', attempts: 1 };
    assert.deepEqual(
      [await run(stage), await run(stage)],
      [{ kind: 'succeeded' }, { kind: 'succeeded' }],
    );
    assert.equal(world.spool.saved.text.split('Running on runner-').length, 2);
    assert.deepEqual(world.started, []);
  });

  it('writes the lines of stages before it first, once', async () => {
    const { world, node, build } = await prepared({});
    const before = [{ name: 'prepare_script', place: 'runner', attempts: 1 }] as const;
    const request = { stage: SCRIPT, attempt: 1, jobStatus: 'running', before } as const;
    for (let calls = 0; calls < 2; calls += 1) {
      await runActivity(() => node.runStage(build, request));
    }
    const [, ...after] = world.spool.saved.text.split('Running on runner-');
    assert.equal(after.length, 1);
    assert.match(after.join(''), /build#1 begins/);
  });

  it('of the helper runs beside the job’s own container', async () => {
    const { world, run } = await prepared({});
    await run(SOURCES);
    await run();
    assert.deepEqual(world.started, ['helper#1', 'build#1']);
  });
});

describe('stopping', () => {
  it('ends the running stage, and the trace says why', async () => {
    const { world, node, build, run } = await prepared({ 'build#1': { isEndless: true } });
    const running = run();
    await until(() => world.disk.files.build.state !== '');
    await runActivity(() =>
      node.stopStage(build, { how: 'graceful', reason: 'canceled externally' }),
    );
    assert.deepEqual(await running, { kind: 'stopped' });
    assert.match(world.spool.saved.text, /WARNING: The stage is stopped: canceled externally/);
    assert.doesNotMatch(world.spool.saved.text, /ERROR/);
  });

  it('does not change the success of a stage that was faster', async () => {
    const { world, node, build, run } = await prepared({});
    const outcome = await run();
    await runActivity(() => node.stopStage(build, { how: 'kill', reason: 'x' }));
    assert.deepEqual([outcome, await run()], [{ kind: 'succeeded' }, { kind: 'succeeded' }]);
    assert.doesNotMatch(world.spool.saved.text, /is stopped/);
  });

  it('does not stop later stages', async () => {
    const steps = [
      { name: 'script', script: ['x'] },
      { name: 'after_script', script: ['y'] },
    ];
    const changes = { job: { steps } };
    const scripts = { 'build#1': { isEndless: true } };
    const { world, node, build, run } = await prepared(scripts, { changes });
    const running = run();
    await until(() => world.disk.files.build.state !== '');
    await runActivity(() => node.stopStage(build, { how: 'graceful', reason: 'canceled' }));
    await running;
    const after: PlannedStage = { name: 'after_script', place: 'build', attempts: 1 };
    assert.deepEqual(await run(after), { kind: 'succeeded' });
    assert.match(world.spool.saved.text, /build#2 ends/);
  });

  it('prevents the start of a stage when it comes early', async () => {
    let isFilling = false;
    let isAllowed = false;
    const { world, build } = await prepared({});
    const store = createFakeStore(world, () => true);
    const writeScript: typeof store.writeScript = async (...given) => {
      isFilling = true;
      await until(() => isAllowed);
      return store.writeScript(...given);
    };
    const { node } = openProcess(world, {
      ports: { builds: { ...store, writeScript } },
    }).activities;
    const running = runStageOn(node, build)(SCRIPT);
    await until(() => isFilling);
    await runActivity(() => node.stopStage(build, { how: 'kill', reason: 'x' }));
    isAllowed = true;
    assert.deepEqual(await running, { kind: 'stopped' });
    assert.deepEqual(world.started, []);
  });
});
