import assert from 'node:assert/strict';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/common';
import {
  drainSignal,
  fleetStateQuery,
  pauseRunnerSignal,
  reloadConfigSignal,
  reportHealthSignal,
  resumeRunnerSignal,
  resumeSignal,
  runnerStateQuery,
  stopSignal,
} from '../../src/workflows/messages.ts';
import type { FakeRunner } from './support/fake-gitlab.ts';
import type { FakeNode } from './support/fake-node.ts';
import { uniqueName } from './support/jobs.ts';
import {
  fleetOf,
  runnerOf,
  runnerSettings,
  startFleet,
  untilState,
  type FleetHandle,
  type RunnerHandle,
} from './support/runners.ts';
import { openWorld, type World } from './support/world.ts';

describe('an installation', () => {
  let world: World;
  let node: FakeNode;
  let installation: string;
  let names: readonly string[];
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());
  beforeEach(async () => {
    installation = uniqueName('installation');
    names = [uniqueName('runner'), uniqueName('runner'), uniqueName('runner')];
    node = await world.startNode(installation);
  });

  const name = (index: number): string => names[index] ?? '';
  const gitlab = (index: number): FakeRunner => world.gitlab.runner(name(index));
  const runner = (index: number): RunnerHandle =>
    runnerOf(world, installation, { name: name(index), key: name(index) });

  /** Starts with the first runners of `names`, and waits until each has requested a job. */
  async function startWith(count: number): Promise<FleetHandle> {
    node.config(fleetOf(...names.slice(0, count).map((one) => runnerSettings(one))));
    const fleet = await startFleet(world, installation, node.queue);
    await Promise.all(names.slice(0, count).map((_, index) => gitlab(index).calls.when('ask')));
    return fleet;
  }

  /** Waits until Temporal has given up a call that no process has taken. */
  async function untilGivenUp(fleet: FleetHandle): Promise<void> {
    for (;;) {
      const { events } = await fleet.fetchHistory();
      if (events?.some((event) => event.activityTaskTimedOutEventAttributes)) return;
      await delay(500);
    }
  }

  const reload = (fleet: FleetHandle, hasRestarted = false): Promise<void> =>
    fleet.signal(reloadConfigSignal, { configQueue: node.queue, hasRestarted });

  it('lets every runner of its config request jobs, spread over the interval', async () => {
    await startWith(2);
    assert.deepEqual(
      [gitlab(0).requests[0], gitlab(1).requests[0]].map((request) => request?.offsetMs),
      [0, 100],
    );
  });

  it('reads its config again when a person sends the signal without an input', async () => {
    const fleet = await startWith(1);
    node.config(fleetOf(...names.slice(0, 2).map((one) => runnerSettings(one))));
    await fleet.signal(reloadConfigSignal);
    await gitlab(1).calls.when('ask');
  });

  it('continues after signals of an unknown shape', async () => {
    const fleet = await startWith(1);
    for (const signal of ['reloadConfig', 'pauseRunner', 'resumeRunner', 'reportHealth']) {
      for (const input of [7, null, 'x', ['y'], { runnerKey: 1, configQueue: {} }]) {
        await fleet.signal(signal, input);
      }
    }
    node.config(fleetOf(...names.slice(0, 2).map((one) => runnerSettings(one))));
    await reload(fleet);
    await gitlab(1).calls.when('ask');
  });

  it('brings its runners in line with a changed config', async () => {
    const fleet = await startWith(2);
    const [kept, , added] = names.map((one) => runnerSettings(one));
    assert.ok(kept !== undefined && added !== undefined);
    node.config(fleetOf({ ...kept, limit: 7 }, added));
    await reload(fleet);
    await gitlab(2).calls.when('ask');
    await untilState(runner(0), ({ feeding }) => feeding.limit === 7);
    await runner(1).result();
    const { settings } = await fleet.query(fleetStateQuery);
    assert.deepEqual(
      settings.runners.map(({ key }) => key),
      [name(0), name(2)],
    );
  });

  it('gives a renamed runner a workflow with its new name, and ends the old one', async () => {
    const fleet = await startWith(1);
    node.config(fleetOf(runnerSettings(name(0), { name: 'renamed' })));
    await reload(fleet);
    await runner(0).result();
    await gitlab(0).calls.when('ask', 2);
    const renamed = runnerOf(world, installation, { name: 'renamed', key: name(0) });
    assert.equal((await renamed.query(runnerStateQuery)).feeding.isFed, true);
  });

  it('keeps the last good config when the new one cannot be read', async () => {
    const fleet = await startWith(1);
    node.behave({
      loadConfig: () =>
        Promise.reject(ApplicationFailure.nonRetryable('concurrent = 0', 'InvalidConfig')),
    });
    await reload(fleet);
    await node.calls.when('loadConfig', 2);
    await fleet.signal(pauseRunnerSignal, name(0));
    await untilState(runner(0), ({ feeding }) => !feeding.isFed);
    const { settings } = await fleet.query(fleetStateQuery);
    assert.equal(settings.runners.length, 1);
  });

  it('pauses one runner by its name and resumes it, and leaves the others alone', async () => {
    const fleet = await startWith(2);
    await fleet.signal(pauseRunnerSignal, name(0));
    await untilState(runner(0), ({ feeding }) => !feeding.isFed);
    assert.equal((await runner(1).query(runnerStateQuery)).feeding.isFed, true);
    assert.deepEqual((await fleet.describe()).memo, { paused: [name(0)] });
    await fleet.signal(resumeRunnerSignal, name(0));
    await gitlab(0).calls.when('ask', 2);
    // Temporal removes an empty list from a memo, unless it is encrypted.
    assert.deepEqual((await fleet.describe()).memo, {});
    assert.equal(gitlab(1).requests.length, 1);
  });

  it('pauses nothing with an unknown name, nor a runner that gets this name later', async () => {
    const fleet = await startWith(1);
    await fleet.signal(pauseRunnerSignal, name(1));
    await fleet.signal('pourRunner', name(0));
    node.config(fleetOf(...names.slice(0, 2).map((one) => runnerSettings(one))));
    await reload(fleet);
    await gitlab(1).calls.when('ask');
    assert.deepEqual((await fleet.query(fleetStateQuery)).paused, []);
  });

  it('requests no job while it drains, until it is resumed', async () => {
    const fleet = await startWith(2);
    await fleet.signal(drainSignal);
    await Promise.all([gitlab(0).calls.when('end'), gitlab(1).calls.when('end')]);
    assert.deepEqual((await fleet.describe()).memo, { isDraining: true });
    await fleet.signal(resumeSignal);
    await Promise.all([gitlab(0).calls.when('ask', 2), gitlab(1).calls.when('ask', 2)]);
    assert.deepEqual((await fleet.describe()).memo, { isDraining: false });
  });

  it('answers a person who pauses and drains by updates, and refuses an unknown runner', async () => {
    const fleet = await startWith(1);
    const say = (update: string, ...args: unknown[]): Promise<unknown> =>
      args.length === 0
        ? fleet.executeUpdate(update)
        : fleet.executeUpdate(update, { args: [args[0]] });
    await assert.rejects(say('pause', name(1)), (error: unknown) => {
      assert.ok(error instanceof WorkflowUpdateFailedError);
      assert.match(error.cause?.message ?? '', /name or key of a runner of this node/);
      return true;
    });
    await assert.rejects(say('pause', { drop: 'everything' }));
    assert.equal(await say('pause', name(0)), 'paused until `resume`: its builds go on');
    const paused = await fleet.query<{ runners: readonly { state: string }[] }>('status');
    assert.deepEqual(
      paused.runners.map(({ state }) => state),
      ['paused'],
    );
    await untilState(runner(0), ({ feeding }) => !feeding.isFed);
    await say('resume', name(0));
    await gitlab(0).calls.when('ask', 2);
    await say('drain');
    await untilState(runner(0), ({ feeding }) => !feeding.isFed);
    assert.equal((await fleet.query(fleetStateQuery)).isDraining, true);
    await say('resume');
    await say('reload');
    await gitlab(0).calls.when('ask', 3);
  });

  it('ends with all its runners when it is stopped', async () => {
    const fleet = await startWith(2);
    await fleet.signal(stopSignal);
    await Promise.all([fleet.result(), runner(0).result(), runner(1).result()]);
  });

  it('ends with all its runners when it is stopped while they are fed', async () => {
    const fleet = await startWith(3);
    node.config(fleetOf(...names.map((one) => runnerSettings(one, { limit: 7 }))));
    await reload(fleet);
    await untilState(runner(0), ({ feeding }) => feeding.limit === 7);
    await fleet.signal(stopSignal);
    await Promise.all([fleet.result(), ...names.map((_, index) => runner(index).result())]);
  });

  it('lets its runners ask again when a reload comes right after the stop', async () => {
    const fleet = await startWith(3);
    await fleet.signal(stopSignal);
    await reload(fleet);
    await node.calls.when('loadConfig', 2);
    // When both signals arrive in one task, the runners never stop.
    for (const [index] of names.entries()) {
      await untilState(runner(index), (state) => !state.isStopping && state.questionsUnderWay > 0);
    }
    assert.equal((await fleet.describe()).status.name, 'RUNNING');
  });

  it('reads its config also when no process of the node has taken the first call', async () => {
    const fleet = await startWith(1);
    node.config(fleetOf(...names.slice(0, 2).map((one) => runnerSettings(one))));
    await node.kill();
    await reload(fleet);
    await untilGivenUp(fleet);
    await node.restart();
    await gitlab(1).calls.when('ask');
  });

  it('lets all runners request a job at once after its node has restarted', async () => {
    const fleet = await startWith(2);
    gitlab(0).ignoreCancellation();
    gitlab(1).ignoreCancellation();
    await reload(fleet, true);
    await Promise.all([gitlab(0).calls.when('ask', 2), gitlab(1).calls.when('ask', 2)]);
    assert.equal(gitlab(0).requests[1]?.askAtOnce, true);
  });

  it('starts a runner again that a person has ended, at the next reload', async () => {
    const fleet = await startWith(1);
    await runner(0).terminate('by mistake');
    await reload(fleet);
    await gitlab(0).calls.when('ask', 2);
  });

  describe('with a runner that GitLab refuses', () => {
    const FORBIDDEN = { kind: 'forbidden', message: '403 Forbidden' } as const;
    /** Long enough to be seen also on a slow machine. */
    const REST_MS = 10_000;

    async function startRefused(): Promise<FleetHandle> {
      const [refused = ''] = names;
      const settings = runnerSettings(refused, {
        unhealthyRequestsLimit: 2,
        unhealthyIntervalMs: REST_MS,
      });
      node.config(fleetOf(settings, runnerSettings(name(1))));
      const fleet = await startFleet(world, installation, node.queue);
      for (let refusals = 0; refusals < 2; refusals += 1) gitlab(0).answer(FORBIDDEN);
      await gitlab(0).calls.when('ask', 2);
      await untilState(runner(0), (state) => !state.isHealthy && !state.feeding.isFed);
      return fleet;
    }

    it('stops its requests, tries again after a while, and clears the count when it is accepted', async () => {
      const fleet = await startRefused();
      const asked = gitlab(0).requests.length;
      const { health } = await fleet.query(fleetStateQuery);
      assert.equal(health[name(0)]?.failures, 2);
      await gitlab(0).calls.when('ask', asked + 1);
      const restsUntilMs = (health[name(0)]?.lastHealthyMs ?? 0) + REST_MS;
      assert.ok(Date.now() >= restsUntilMs, 'it did not rest');
      gitlab(0).answer({ kind: 'no_job' });
      await untilState(runner(0), ({ isHealthy, feeding }) => isHealthy && feeding.isFed);
      assert.equal((await fleet.query(fleetStateQuery)).health[name(0)]?.failures, 0);
    });

    it('tries it again also when the pause ends while the runner is told of it', async () => {
      const limits = { unhealthyRequestsLimit: 1, unhealthyIntervalMs: 1 };
      node.config(fleetOf(runnerSettings(name(0), limits)));
      const fleet = await startFleet(world, installation, node.queue);
      await gitlab(0).calls.when('ask');
      await fleet.signal(reportHealthSignal, { runnerKey: name(0), isHealthy: false });
      await gitlab(0).calls.when('end');
      await gitlab(0).calls.when('ask', 2);
    });

    it('does not delay the others', async () => {
      await startRefused();
      gitlab(1).answer({ kind: 'no_job' });
      await gitlab(1).calls.when('ask', 2);
    });

    it('tries it at once when the config is read again', async () => {
      const fleet = await startRefused();
      const asked = gitlab(0).requests.length;
      await reload(fleet);
      await gitlab(0).calls.when('ask', asked + 1);
      assert.deepEqual((await fleet.query(fleetStateQuery)).health, {});
    });
  });
});
