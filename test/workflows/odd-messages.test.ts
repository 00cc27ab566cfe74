import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowUpdateFailedError, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { defineUpdate } from '@temporalio/workflow';
import type { StageOutcome } from '../../src/domain/context/outcome.ts';
import {
  buildStateQuery,
  fleetStateQuery,
  runnerStateQuery,
} from '../../src/workflows/messages.ts';
import { projectRoot } from '../support/project-root.ts';
import { outcomeOf, startBuild, type BuildHandle } from './support/builds.ts';
import { defer, type Deferred } from './support/calls.ts';
import type { FakeNode } from './support/fake-node.ts';
import { FULL_PLAN, jobOf, uniqueName } from './support/jobs.ts';
import { fleetOf, runnerSettings, startFleet, startRunner } from './support/runners.ts';
import { openWorld, workflowLines, type World } from './support/world.ts';

const CANARY = 'canary-of-an-input';

/** Inputs that no message of any workflow takes. */
const ODD: readonly (readonly [what: string, inputs: readonly unknown[]])[] = [
  ['a number', [7]],
  ['a truth', [true]],
  ['a word', [CANARY]],
  ['a list', [[CANARY]]],
  ['an object of another kind', [{ job: CANARY }]],
  ['keys of ours with values of others', [{ time: 7, by: 7, runnerKey: 7, feeding: 7, wait: 7 }]],
  ['an object with a prototype', [JSON.parse('{"__proto__": {"by": "x"}, "x": 1}')]],
  ['100,000 characters', [CANARY.repeat(6_000)]],
  ['a deep list', [deepList(500)]],
  ['two inputs', [{ job: CANARY }, CANARY]],
];

/** Inputs that count as none. */
const NONE: readonly (readonly unknown[])[] = [[], [null], [''], [{}]];

function deepList(depth: number): unknown {
  let list: unknown = CANARY;
  for (let level = 0; level < depth; level += 1) list = [list];
  return list;
}

function give(handle: WorkflowHandle, update: string, args: readonly unknown[]): Promise<unknown> {
  return handle.executeUpdate(defineUpdate<unknown, [unknown, ...unknown[]]>(update), {
    args: [...args] as [unknown],
  });
}

describe('messages of the wrong shape', () => {
  let world: World;
  let node: FakeNode;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());
  beforeEach(async () => {
    node = await world.startNode(uniqueName('node'));
  });

  const linesOf = ({ workflowId }: WorkflowHandle): readonly string[] =>
    workflowLines.filter((line) => line.workflowId === workflowId).map(({ text }) => text);

  async function whenLines(handle: WorkflowHandle, count: number, what: string): Promise<void> {
    for (const endMs = Date.now() + 10_000; linesOf(handle).length < count; await delay(5)) {
      assert.ok(Date.now() < endMs, `nothing is said of ${what}`);
    }
  }

  /** Each signal leaves a line that names it and not its input, and changes nothing. */
  async function assertIgnored(
    handle: WorkflowHandle,
    signals: readonly string[],
    look: () => Promise<unknown>,
  ): Promise<void> {
    const before = await look();
    for (const signal of signals) {
      for (const [what, inputs] of ODD) {
        const from = linesOf(handle).length;
        await handle.signal(signal, ...inputs);
        await whenLines(handle, from + 1, `${signal} with ${what}`);
        assert.deepEqual(await look(), before, `${signal} with ${what} changes something`);
        const said = linesOf(handle).slice(from);
        assert.equal(said.length, 1, `${signal} with ${what}: ${said.join('\n')}`);
        assert.match(said[0] ?? '', new RegExp(signal.replace(/Runner$/, '')));
        if (!NAMES_INPUT.includes(signal)) assert.ok(!said[0]?.includes(CANARY), said[0]);
        assert.ok((said[0] ?? '').length < 2_000, `${signal} with ${what} tells it all`);
      }
    }
  }

  /** Each update is refused in words, before anything of it is recorded. */
  async function assertRefused(handle: WorkflowHandle, updates: readonly string[]): Promise<void> {
    for (const update of updates) {
      for (const [what, inputs] of ODD) {
        const from = linesOf(handle).length;
        const asked = give(handle, update, inputs);
        await assert.rejects(asked, (error) => {
          assert.ok(error instanceof WorkflowUpdateFailedError, `${update} with ${what}`);
          assert.ok(error.cause instanceof ApplicationFailure);
          assert.equal(error.cause.type, 'BadInput', `${update} with ${what}`);
          assert.match(error.cause.message, /input/, `${update} with ${what}`);
          return true;
        });
        assert.deepEqual(linesOf(handle).slice(from), [], 'the sender knows, and nobody else');
      }
    }
  }

  /** No task of the workflow has failed, and it runs. */
  async function assertWell(handle: WorkflowHandle): Promise<void> {
    const { events } = await handle.fetchHistory();
    const failed = events?.filter((event) => event.workflowTaskFailedEventAttributes) ?? [];
    assert.deepEqual(failed, []);
    assert.equal((await handle.describe()).status.name, 'RUNNING');
  }

  describe('to an installation', () => {
    it('are told in the log, or refused; its runners go on', async () => {
      const name = uniqueName('runner');
      node.config(fleetOf(runnerSettings(name)));
      const fleet = await startFleet(world, uniqueName('installation'), node.queue);
      await world.gitlab.runner(name).calls.when('ask');
      const look = () => fleet.query(fleetStateQuery);
      await assertIgnored(fleet, FLEET_SIGNALS, look);
      await assertRefused(fleet, ['pause', 'resume', 'drain', 'reload']);
      await assert.rejects(give(fleet, 'halt', []), WorkflowUpdateFailedError);
      await assertWell(fleet);
      for (const inputs of NONE) {
        await give(fleet, 'drain', inputs);
        assert.equal((await look()).isDraining, true);
        await fleet.signal('resume', ...inputs);
        assert.equal((await look()).isDraining, false);
        await give(fleet, 'reload', inputs);
      }
    });

    it('do not resume a drained node when one runner is meant', async () => {
      const name = uniqueName('runner');
      node.config(fleetOf(runnerSettings(name)));
      const fleet = await startFleet(world, uniqueName('installation'), node.queue);
      await world.gitlab.runner(name).calls.when('ask');
      await fleet.signal('pause', name);
      await fleet.signal('drain');
      await fleet.signal('resume', name);
      const { isDraining, paused } = await fleet.query(fleetStateQuery);
      assert.deepEqual([isDraining, paused], [true, []]);
    });
  });

  describe('to a runner', () => {
    it('are told in the log; it goes on asking', async () => {
      const name = uniqueName('runner');
      const runner = await startRunner(world, name);
      const { calls } = world.gitlab.runner(name);
      await calls.when('ask');
      const look = async () => {
        const { feeding, buildIds, isStopping } = await runner.query(runnerStateQuery);
        return { feeding, buildIds, isStopping };
      };
      await assertIgnored(runner, RUNNER_SIGNALS, look);
      await assertWell(runner);
      world.gitlab.runner(name).answer({ kind: 'no_job' });
      await calls.when('ask', 2);
    });
  });

  describe('to a build', () => {
    let script: Deferred<StageOutcome>;
    let build: BuildHandle;
    beforeEach(async () => {
      script = defer();
      node.stage('step_script', script.promise);
      build = await startBuild(world, { node, job: jobOf(FULL_PLAN) });
      await node.calls.when('runStage step_script');
    });

    it('are told in the log, or refused; its script goes on', async () => {
      await assertIgnored(build, BUILD_SIGNALS, () => build.query(buildStateQuery));
      await assertRefused(build, ['cancel', 'hold', 'release', 'retry']);
      await assert.rejects(give(build, 'halt', []), WorkflowUpdateFailedError);
      await assertWell(build);
      assert.ok(!node.calls.all.some((call) => call.startsWith('writeNotice')), 'nothing is held');
      script.resolve({ kind: 'succeeded' });
      assert.deepEqual(await outcomeOf(build), { state: 'success' });
    });

    for (const inputs of NONE) {
      it(`but not without one: cancel takes ${JSON.stringify(inputs)}`, async () => {
        await give(build, 'hold', inputs);
        await give(build, 'release', inputs);
        await give(build, 'cancel', inputs);
        script.resolve({ kind: 'succeeded' });
        assert.equal((await outcomeOf(build)).state, 'canceled');
      });
    }
  });

  it('reach the workflows of this test: all that they know is in its tables', async () => {
    const known = new Set([...FLEET_SIGNALS, ...RUNNER_SIGNALS, ...BUILD_SIGNALS]);
    known.delete(UNKNOWN);
    const source = await readFile(join(projectRoot(), 'src/workflows/messages.ts'), 'utf8');
    const defined = [...source.matchAll(/defineSignal(?:<[^>]*>)?\('(\w+)'\)/g)].map(
      ([, name]) => name,
    );
    assert.ok(defined.length > 10);
    assert.deepEqual(
      defined.filter((name) => !known.has(name ?? '')),
      [],
    );
  });
});

const UNKNOWN = 'nobodyKnowsThis';

/** A person may see in the log which name was wrong. */
const NAMES_INPUT = ['pauseRunner', 'pause', 'resumeRunner', 'resume'];

const FLEET_SIGNALS = [
  ...['reloadConfig', 'reload', 'pauseRunner', 'pause', 'resumeRunner', 'resume', 'drain'],
  ...['stop', 'reportHealth', UNKNOWN],
];
const RUNNER_SIGNALS = ['feed', 'stop', 'buildBegun', 'buildEnded', UNKNOWN];
const BUILD_SIGNALS = [
  ...['nodeRestarted', 'cancelBuild', 'cancel', 'waits', 'hold', 'release', 'retry', UNKNOWN],
];
