import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Workflows, WorkflowStatus } from '../../../src/ports/workflows.ts';
import { createWorkflowRestart } from '../../../src/worker/recovery/workflow-restart.ts';
import { feedRunnersId, serveRunnerId } from '../../../src/workflows/messages.ts';
import type { ServeRunnerState } from '../../../src/workflows/states.ts';
import { openProcess } from '../../activities/support/process.ts';
import { createWorld } from '../../activities/support/world.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { recordingLog } from '../../support/recording-log.ts';

const { runner } = contextOf();
const FEEDER = feedRunnersId('test');
const RUNNER = serveRunnerId('test', runner);
const OUTSIDE = ['warn', 'a workflow that asks for jobs was ended from outside, begun again', {}];

function failed(workflow: string, reason: string): readonly unknown[] {
  return ['error', 'a workflow that asks for jobs has failed, begun again', { workflow, reason }];
}

interface Setting {
  readonly feeder?: WorkflowStatus | undefined;
  readonly served?: WorkflowStatus | undefined;
  readonly failureOf?: Workflows['failureOf'];
  /** The first call of this kind fails. */
  readonly failsAt?: 'feed' | 'begin' | 'signal';
  /** The workflow that has asked for the job that the node has a record of. */
  readonly asked?: string;
  /** True: the node's build ends while Temporal begins the runner's workflow. */
  readonly endsMeanwhile?: true;
}

/** Checks the workflows once, and returns what was begun and logged. */
async function restart(setting: Setting) {
  const { restartAll, begun, counted, said } = openRestart(setting);
  await restartAll();
  return {
    begun,
    counted,
    said: said.map(({ level, message, fields }) => [level, message, fields]),
  };
}

/** Opens the check of two workflows. One that was begun runs, except feedRunners. */
function openRestart(setting: Setting) {
  const { log, said } = recordingLog();
  const begun: string[] = [];
  const counted: unknown[] = [];
  const told: unknown[] = [];
  const never = (): Promise<never> => Promise.reject(new Error('not called here'));
  const statuses = new Map([
    [FEEDER, setting.feeder],
    [RUNNER, setting.served],
  ]);
  let { failsAt } = setting;
  const act = (what: Setting['failsAt'], workflowId: string): Promise<void> => {
    if (what !== 'signal') begun.push(workflowId);
    if (failsAt !== what) return Promise.resolve();
    failsAt = undefined;
    return Promise.reject(new Error('Temporal is away'));
  };
  const workflows: Workflows = {
    start: ({ workflowId, args }) => {
      statuses.set(workflowId, 'running');
      const [{ buildIds }] = args as [ServeRunnerState];
      counted.push(...buildIds);
      if (setting.endsMeanwhile === true) world.disk.records.clear();
      return act('begin', workflowId).then(() => true);
    },
    statusOf: (workflowId) => Promise.resolve(statuses.get(workflowId)),
    failureOf: setting.failureOf ?? never,
    signalWithStart: never,
    signal: async (workflowId, { name, args }) => {
      await act('signal', workflowId);
      told.push([workflowId, name, ...args]);
      return true;
    },
    describe: never,
    resultOf: never,
    cancel: never,
  };
  const context = setting.asked === undefined ? {} : { runnerWorkflowId: setting.asked };
  const world = createWorld(contextOf({ context }));
  const { ports } = openProcess(world, { ports: { log } });
  const config = { ...ports.config, current: () => ({ runners: [runner] }) as never };
  const scope = { workflows, installation: 'test', ports: { ...ports, config } };
  let gone = 0;
  const { restartAll, feed } = createWorkflowRestart(scope, {
    feed: () => act('feed', FEEDER),
    onGone: () => (gone += 1),
  });
  /** Checks the workflows again after their status has changed. */
  const become = async (feeder: WorkflowStatus | undefined, served = feeder): Promise<void> => {
    statuses.set(FEEDER, feeder);
    statuses.set(RUNNER, served);
    await restartAll();
  };
  return { restartAll, feed, become, begun, counted, told, said, gone: () => gone };
}

describe('workflows that ask for jobs', () => {
  it('are left alone while they run', async () => {
    const { begun, said } = await restart({ feeder: 'running', served: 'running' });
    assert.deepEqual([begun, said], [[], []]);
  });

  it('are left alone after `stop`', async () => {
    const { begun, said } = await restart({ feeder: 'completed', served: 'ended' });
    assert.deepEqual([begun, said], [[], []]);
  });

  it('are left alone after `stop` also when Temporal has deleted them, until a reload', async () => {
    const { become, feed, begun } = openRestart({});
    await become('completed');
    await become(undefined);
    await become(undefined);
    assert.deepEqual(begun, []);
    await feed();
    await become(undefined, 'running');
    assert.deepEqual(begun, [FEEDER, FEEDER]);
  });

  it('are begun again when they are gone after they have run, which each look tells', async () => {
    const { become, begun, gone } = openRestart({});
    await become('completed');
    await become('running');
    assert.equal(gone(), 0);
    await become(undefined);
    await become(undefined, 'running');
    // Temporal may have lost its database twice between two looks.
    assert.deepEqual([begun, gone()], [[RUNNER, FEEDER, FEEDER], 2]);
    await become('running');
    await become(undefined, 'running');
    assert.equal(gone(), 3);
  });

  for (const served of ['ended', 'canceled', undefined] as const) {
    it(`are begun again when one is ${served ?? 'gone'}`, async () => {
      const { begun, said } = await restart({ feeder: 'running', served });
      assert.deepEqual([begun, said], [[RUNNER, FEEDER], [OUTSIDE]]);
    });
  }

  for (const [asked, counts] of [
    [undefined, true],
    [RUNNER, true],
    [serveRunnerId('second', runner), false],
  ] as const) {
    it(`count a build that ${asked ?? 'a node of 0.1.0'} has asked for: ${counts}`, async () => {
      const { counted } = await restart({
        ...{ feeder: 'running', served: 'ended' },
        ...(asked !== undefined && { asked }),
      });
      assert.deepEqual(counted, counts ? [contextOf().buildId] : []);
    });
  }

  for (const [when, failsAt] of [
    ['', undefined],
    [', at the next check if Temporal has not answered', 'begin'],
    [', at the next check if Temporal has not taken that', 'signal'],
  ] as const) {
    it(`are told of a build that ends while they are begun again${when}`, async () => {
      const { restartAll, counted, told } = openRestart({
        ...{ feeder: 'running', served: 'ended', endsMeanwhile: true },
        ...(failsAt !== undefined && { failsAt }),
      });
      if (failsAt !== undefined) await assert.rejects(restartAll(), /away/);
      await restartAll();
      await restartAll();
      const { buildId } = contextOf();
      assert.deepEqual([counted, told], [[buildId], [[RUNNER, 'buildEnded', buildId]]]);
    });
  }

  it('are told nothing of a build that goes on', async () => {
    const { restartAll, counted, told } = openRestart({ feeder: 'running', served: 'ended' });
    await restartAll();
    assert.deepEqual([counted, told], [[contextOf().buildId], []]);
  });

  it('are begun again when they have failed, and the log says at what', async () => {
    const failureOf = (id: string): Promise<string> => Promise.resolve(`${id} is broken`);
    const { begun, said } = await restart({ feeder: 'failed', served: 'failed', failureOf });
    assert.deepEqual(begun, [RUNNER, FEEDER]);
    assert.deepEqual(
      said,
      [FEEDER, RUNNER].map((id) => failed(id, `${id} is broken`)),
    );
  });

  it('are begun again when one has failed and another was ended from outside', async () => {
    const failureOf = (): Promise<string> => Promise.resolve('a bug');
    const { said } = await restart({ feeder: 'ended', served: 'failed', failureOf });
    assert.deepEqual(said, [failed(RUNNER, 'a bug'), OUTSIDE]);
  });

  it('are begun again when the reason of the failure cannot be read', async () => {
    const { begun, said } = await restart({ feeder: 'running', served: 'failed' });
    assert.deepEqual([begun, said], [[RUNNER, FEEDER], [failed(RUNNER, 'not known')]]);
  });

  it('are told to ask at the next check when the telling failed', async () => {
    const { restartAll, begun } = openRestart({ feeder: 'running', failsAt: 'feed' });
    await assert.rejects(restartAll(), /away/);
    await restartAll();
    await restartAll();
    assert.deepEqual(begun, [RUNNER, FEEDER, FEEDER]);
  });

  it('are told to ask at the next check when one was begun without an answer', async () => {
    const { restartAll, begun } = openRestart({ feeder: 'running', failsAt: 'begin' });
    await assert.rejects(restartAll(), /away/);
    await restartAll();
    await restartAll();
    assert.deepEqual(begun, [RUNNER, FEEDER]);
  });
});
