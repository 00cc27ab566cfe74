import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { BuildOutcome } from '../../src/domain/context/outcome.ts';
import type { BuildPlan } from '../../src/domain/context/stage.ts';
import { cancelBuildSignal, nodeRestartedSignal } from '../../src/workflows/messages.ts';
import { callsOf, outcomeOf, startBuild, type BuildHandle } from './support/builds.ts';
import { defer } from './support/calls.ts';
import type { FakeNode } from './support/fake-node.ts';
import { FULL_PLAN, jobOf, PLAIN_PLAN, uniqueName } from './support/jobs.ts';
import { openWorld, type World } from './support/world.ts';

const CANCELED: BuildOutcome = { state: 'canceled' };
const ABORTED: BuildOutcome = { state: 'aborted' };

interface Interrupted {
  /** The call during which the build is interrupted. */
  readonly at: string;
  readonly outcome: BuildOutcome;
  /** The calls after it, up to the report. */
  readonly then: readonly string[];
  readonly why: string;
}

const CANCELED_AT: readonly Interrupted[] = [
  {
    at: 'prepareEnvironment',
    outcome: CANCELED,
    then: ['stopStage kill'],
    why: 'no script has begun: there is nothing to clean up',
  },
  {
    at: 'runStage get_sources',
    outcome: CANCELED,
    then: ['stopStage kill', 'runStage cleanup_file_variables'],
    why: 'no script of the user has begun, so none is run at all',
  },
  {
    at: 'runStage step_script',
    outcome: CANCELED,
    then: [
      'stopStage graceful',
      'runStage after_script canceled',
      'runStage cleanup_file_variables',
    ],
    why: 'after_script cleans up after the script',
  },
  {
    at: 'runStage after_script success',
    outcome: { state: 'success' },
    then: ['runStage cleanup_file_variables'],
    why: 'too late: the result of the script does not change',
  },
  {
    at: 'runStage cleanup_file_variables',
    outcome: { state: 'success' },
    then: [],
    why: 'it is too late here too',
  },
];

const ABORTED_AT: readonly Interrupted[] = [
  {
    at: 'prepareEnvironment',
    outcome: ABORTED,
    then: ['stopStage kill'],
    why: 'GitLab has no use for the rest of the job',
  },
  {
    at: 'runStage get_sources',
    outcome: ABORTED,
    then: ['stopStage kill'],
    why: 'no clean-up: the whole environment is destroyed',
  },
  {
    at: 'runStage step_script',
    outcome: ABORTED,
    then: ['stopStage kill'],
    why: 'after_script does not run either',
  },
  {
    at: 'runStage after_script success',
    outcome: ABORTED,
    then: ['stopStage kill'],
    why: 'an abort is never too late',
  },
];

/** The outcome after JSON, which has no `undefined`. */
const TIMED_OUT = {
  state: 'failed',
  reason: 'job_execution_timeout',
  message: 'execution took longer than 1s seconds',
  exceeded: { limit: 'job', timeoutMs: 1_000 },
};
const SCRIPT_TIMED_OUT = {
  ...{ ...TIMED_OUT, message: 'script timeout: context deadline exceeded' },
  exceeded: { limit: 'script', timeoutMs: 1_000 },
};

describe('a build that is interrupted', () => {
  let world: World;
  let node: FakeNode;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());

  /** Starts a build whose call `at` lasts until it is stopped, and waits for that call. */
  async function startUpTo(at: string, plan: BuildPlan = FULL_PLAN): Promise<BuildHandle> {
    node = await world.startNode(uniqueName('node'));
    if (at === 'prepareEnvironment') holdPreparation(node);
    else node.stage(at.split(' ')[1] ?? '', new Promise(() => undefined));
    const handle = await startBuild(world, { node, job: jobOf(plan) });
    await node.calls.when(at);
    return handle;
  }

  function assertThen(at: string, then: readonly string[], state: string): void {
    const calls = callsOf(node);
    const from = calls.lastIndexOf(at) + 1;
    assert.deepEqual(calls.slice(from, -3), then);
    assert.ok(calls.slice(-3).includes(`reportResult ${state}`));
    assert.ok(calls.slice(-3).includes('destroyEnvironment'));
    assert.equal(calls.at(-1), 'releaseBuild');
  }

  describe('by a user who cancels it in GitLab', () => {
    for (const { at, outcome, then, why } of CANCELED_AT) {
      it(`ends as ${outcome.state} when canceled in ${at}: ${why}`, async () => {
        const isTooLate = outcome.state === 'success';
        const handle = isTooLate ? await cancelTooLate(at) : await startUpTo(at);
        if (!isTooLate) node.answerTrace('canceling');
        assert.deepEqual(await outcomeOf(handle), outcome);
        assertThen(at, then, outcome.state);
        assert.equal(node.calls.all.filter((call) => call === 'uploadTrace').length, 2);
      });
    }

    /** Cancels a build whose stage then ends by itself. */
    async function cancelTooLate(at: string): Promise<BuildHandle> {
      node = await world.startNode(uniqueName('node'));
      const ending = defer<{ kind: 'succeeded' }>();
      node.stage(at.split(' ')[1] ?? '', ending.promise);
      const handle = await startBuild(world, { node, job: jobOf(FULL_PLAN) });
      await node.calls.when(at);
      node.answerTrace('canceling');
      await node.calls.when('uploadTrace', 2);
      ending.resolve({ kind: 'succeeded' });
      return handle;
    }

    it('is canceled in the same way by a person in the Temporal UI', async () => {
      const asked = await startUpTo('runStage step_script');
      await asked.cancel();
      assert.deepEqual(await outcomeOf(asked), CANCELED);
      assertThen('runStage step_script', CANCELED_AT[2]?.then ?? [], 'canceled');

      const signaled = await startUpTo('runStage step_script');
      await signaled.signal(cancelBuildSignal);
      assert.deepEqual(await outcomeOf(signaled), CANCELED);
    });

    it('stops a stage that began at the moment of the cancel', async () => {
      const ending = defer<{ kind: 'stopped' }>();
      const handle = await startUpTo('runStage step_script');
      let stops = 0;
      node.behave({
        stopStage: () => {
          stops += 1;
          if (stops === 2) ending.resolve({ kind: 'stopped' });
          return Promise.resolve();
        },
        runStage: (_build, { stage }) =>
          stage.name === 'step_script' ? ending.promise : Promise.resolve({ kind: 'succeeded' }),
      });
      // A running activity keeps the old behaviour. One in another process has the new.
      await node.kill();
      await node.restart();
      await handle.signal(nodeRestartedSignal);
      await node.calls.when('runStage step_script', 2);
      await handle.signal(cancelBuildSignal);
      assert.deepEqual(await outcomeOf(handle), CANCELED);
      assert.equal(stops, 2);
    });
  });

  describe('by GitLab, which aborts it', () => {
    for (const { at, outcome, then, why } of ABORTED_AT) {
      it(`ends without a report when aborted in ${at}: ${why}`, async () => {
        const handle = await startUpTo(at);
        node.answerTrace('aborted');
        assert.deepEqual(await outcomeOf(handle), outcome);
        assertThen(at, then, outcome.state);
      });
    }

    it('is killed at once when it is aborted during a cancel', async () => {
      node = await world.startNode(uniqueName('node'));
      node.stage('step_script', new Promise(() => undefined));
      node.stage('after_script', new Promise(() => undefined));
      const handle = await startBuild(world, { node, job: jobOf(FULL_PLAN) });
      await node.calls.when('runStage step_script');
      await handle.signal(cancelBuildSignal);
      await node.calls.when('runStage after_script canceled');
      node.answerTrace('aborted');
      assert.deepEqual(await outcomeOf(handle), ABORTED);
      assertThen('runStage after_script canceled', ['stopStage kill'], 'aborted');
    });
  });

  describe('by a time limit', () => {
    for (const at of ['prepareEnvironment', 'runStage get_sources', 'runStage step_script']) {
      it(`runs nothing more when the job’s time ends in ${at}`, async () => {
        const handle = await startUpTo(at, { ...FULL_PLAN, jobTimeoutMs: 1_000 });
        assert.deepEqual(await outcomeOf(handle), TIMED_OUT);
        // A call that was stopped has not told what GitLab knows.
        const asked = at === 'prepareEnvironment' ? ['acknowledgeJob'] : [];
        assertThen(at, ['stopStage kill', ...asked], 'failed');
      });
    }

    it('runs after_script when only the script’s time is over', async () => {
      const handle = await startUpTo('runStage step_script', {
        ...FULL_PLAN,
        scriptTimeoutMs: 1_000,
      });
      assert.deepEqual(await outcomeOf(handle), SCRIPT_TIMED_OUT);
      assertThen(
        'runStage step_script',
        ['stopStage graceful', 'runStage after_script timedout', 'runStage cleanup_file_variables'],
        'failed',
      );
    });

    it('ignores an after_script that takes too long', async () => {
      const handle = await startUpTo('runStage after_script success', {
        ...FULL_PLAN,
        afterScriptTimeoutMs: 1_000,
      });
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
      assertThen(
        'runStage after_script success',
        ['stopStage graceful', 'runStage cleanup_file_variables'],
        'success',
      );
    });

    it('fails on an after_script that takes too long when its errors count', async () => {
      const handle = await startUpTo('runStage after_script success', {
        ...FULL_PLAN,
        afterScriptTimeoutMs: 1_000,
        afterScriptIgnoreErrors: false,
      });
      assert.deepEqual(await outcomeOf(handle), {
        ...SCRIPT_TIMED_OUT,
        exceeded: { limit: 'after_script', timeoutMs: 1_000 },
      });
    });

    it('does not fire after the job has ended in time', async () => {
      node = await world.startNode(uniqueName('node'));
      const plan = { ...FULL_PLAN, jobTimeoutMs: 60_000, scriptTimeoutMs: 30_000 };
      const handle = await startBuild(world, { node, job: jobOf(plan) });
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
      const { events } = await handle.fetchHistory();
      const kinds = (events ?? []).map((event) =>
        event.timerStartedEventAttributes
          ? 'started'
          : event.timerCanceledEventAttributes
            ? 'canceled'
            : undefined,
      );
      const count = (kind: string): number => kinds.filter((one) => one === kind).length;
      assert.equal(count('started'), 3, 'of the job, of the script, of after_script');
      assert.equal(count('canceled'), 3);
    });
  });

  describe('by the death of a process', () => {
    const MOMENTS = [
      'prepareEnvironment',
      'runStage get_sources',
      'runStage step_script',
      'runStage after_script success',
    ];
    for (const at of MOMENTS) {
      it(`continues at the same call when the node died in ${at}`, async () => {
        const handle = await startUpTo(at);
        await node.kill();
        node.behave({ prepareEnvironment: () => Promise.resolve() });
        node.stage(at.split(' ')[1] ?? '', { kind: 'succeeded' });
        await node.restart();
        const restartedMs = Date.now();
        await handle.signal(nodeRestartedSignal);
        assert.deepEqual(await outcomeOf(handle), { state: 'success' });
        assert.ok(Date.now() - restartedMs < 5_000, 'it waited for a heartbeat to run out');
        const repeated = callsOf(node).filter((call, index, all) => all.indexOf(call) !== index);
        // One call does both.
        const both = at === 'prepareEnvironment' ? ['acknowledgeJob', at] : [at];
        assert.deepEqual(repeated, both);
      });
    }

    it('continues when another process takes over the workflows', async () => {
      node = await world.startNode(uniqueName('node'));
      const ending = defer<{ kind: 'succeeded' }>();
      node.stage('step_script', ending.promise);
      const handle = await startBuild(world, { node, job: jobOf(PLAIN_PLAN) });
      await node.calls.when('runStage step_script');
      await world.restartWorkflows();
      ending.resolve({ kind: 'succeeded' });
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
      assert.equal(callsOf(node).filter((call) => call.startsWith('runStage')).length, 1);
    });

    it('is canceled in the usual order right after the node has come back', async () => {
      const handle = await startUpTo('runStage step_script');
      await node.kill();
      await node.restart();
      await handle.signal(nodeRestartedSignal);
      await node.calls.when('runStage step_script', 2);
      node.answerTrace('canceling');
      assert.deepEqual(await outcomeOf(handle), CANCELED);
      assert.equal(callsOf(node).filter((call) => call.startsWith('runStage after')).length, 1);
    });
  });
});

/** A preparation that lasts until the stage is stopped, and then fails. */
function holdPreparation(node: FakeNode): void {
  const ending = defer<undefined>();
  node.behave({
    prepareEnvironment: () => ending.promise,
    stopStage: () => {
      ending.reject(new Error('stopped'));
      return Promise.resolve();
    },
  });
}
