import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import { Worker } from '@temporalio/worker';
import type { BuildOutcome } from '../../src/domain/context/outcome.ts';
import type { FailoverPlan } from '../../src/domain/context/failover.ts';
import type { BuildPlan } from '../../src/domain/context/stage.ts';
import { FailureType } from '../../src/domain/failure.ts';
import { buildStatusQuery, holdUpdate } from '../../src/workflows/messages.ts';
import { callsOf, outcomeOf, startBuild, type BuildHandle } from './support/builds.ts';
import { defer } from './support/calls.ts';
import { startFakeFleet, type FakeFleet } from './support/fake-fleet.ts';
import type { FakeNode } from './support/fake-node.ts';
import { FULL_PLAN, jobOf, PLAIN_PLAN, stage as planned, uniqueName } from './support/jobs.ts';
import { openWorld, type World } from './support/world.ts';
import { WORKFLOW_BUNDLE } from './support/workflow-bundle.ts';

const RESCUE: FailoverPlan = { sealedJob: 'sealed', isWhole: true, waitMs: 2_000 };
interface Start {
  readonly plan: BuildPlan;
  readonly rescue: FailoverPlan;
  /** How long a person keeps the containers after the job. */
  readonly hold: string;
}

/** 30 s until a heartbeat is missed, 20 s for the search for a node, and a reserve for a busy machine. */
const FOUND_OUT_MS = 80_000;

/** These tests run at once, each with two nodes of its own, because they mostly wait. */
describe('a build whose node is lost', { concurrency: 16 }, () => {
  let world: World;
  let fleet: FakeFleet;
  before(async () => {
    world = await openWorld({ hasNoSharedQueue: true });
    fleet = await startFakeFleet(world);
  });
  after(async () => {
    await fleet.end();
    await world.end();
  });

  interface Pair {
    readonly handle: BuildHandle;
    readonly lost: FakeNode;
    readonly other: FakeNode;
    /** From now on the other node takes builds over. */
    join(node?: FakeNode): void;
    /** Answers the call: there is no such build here. Later calls work as usual. */
    loseRecord(): void;
  }

  /** Starts a build and waits for the call at which its node will be lost. */
  async function startUpTo(at: string, more: Partial<Start> = {}): Promise<Pair> {
    const { plan = FULL_PLAN, rescue = RESCUE, hold } = more;
    const lost = await world.startNode(uniqueName('lost'));
    const other = await world.startNode(uniqueName('other'));
    const stage = /^runStage (\S+)/.exec(at)?.[1];
    const losing = defer<never>();
    const loseRecord = (): void =>
      losing.reject(ApplicationFailure.nonRetryable('no record', FailureType.RecordLost));
    let isFirst = true;
    const once = (): Promise<unknown> => {
      const answer = isFirst ? losing.promise : Promise.resolve(undefined);
      isFirst = false;
      return answer;
    };
    if (stage !== undefined) lost.stage(stage, losing.promise);
    else lost.behave({ [at.split(' ')[0] ?? '']: once });
    const job = jobOf(plan);
    const begin = defer<'accepted'>();
    if (hold !== undefined) lost.behave({ acknowledgeJob: () => begin.promise });
    const handle = await startBuild(world, { node: lost, job, input: { rescue } });
    if (hold !== undefined) await handle.executeUpdate(holdUpdate, { args: [hold] });
    begin.resolve('accepted');
    await lost.calls.when(at);
    return {
      handle,
      lost,
      other,
      loseRecord,
      join: (node = other) => fleet.add(job.buildId, node),
    };
  }

  /** The outcome of the build. Fails when a replay of its history decides otherwise. */
  async function resultOf(handle: BuildHandle): Promise<BuildOutcome> {
    const outcome = await outcomeOf(handle);
    await Worker.runReplayHistory({ workflowBundle: WORKFLOW_BUNDLE }, await handle.fetchHistory());
    return outcome;
  }

  async function ownerOf(handle: BuildHandle): Promise<unknown> {
    return (await handle.describe()).memo;
  }

  for (const at of ['acknowledgeJob', 'prepareEnvironment', 'runStage get_sources']) {
    it(`begins again on another node when it is lost at ${at}`, async () => {
      const { handle, lost, other, join } = await startUpTo(at);
      join();
      const killedMs = Date.now();
      await lost.kill();
      assert.deepEqual(await resultOf(handle), { state: 'success' });
      assert.ok(Date.now() - killedMs < FOUND_OUT_MS, 'found out too late');
      assert.deepEqual(callsOf(other).slice(0, 4), [
        'adoptBuild run 1',
        'acknowledgeJob',
        'prepareEnvironment',
        'runStage prepare_script',
      ]);
      assert.ok(other.calls.all.includes('runStage step_script'));
      assert.equal(lost.calls.all.includes('runStage step_script'), false);
      assert.equal(callsOf(other).at(-1), 'releaseBuild');
      assert.deepEqual(await ownerOf(handle), { nodeQueue: other.queue, term: 1 });
    });
  }

  for (const at of [
    'runStage step_script',
    'runStage after_script success',
    'reportResult success',
  ]) {
    it(`fails, and another node tells GitLab, when it is lost at ${at}`, async () => {
      const { handle, lost, other, join } = await startUpTo(at);
      join();
      await lost.kill();
      const outcome = await resultOf(handle);
      assert.equal(outcome.state === 'failed' && outcome.reason, 'runner_system_failure');
      assert.match(
        outcome.state === 'failed' ? outcome.message : '',
        /^node lost-\S+ has not answered since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, nor come back within 2s; its script may have begun/,
      );
      const [witnessed, adopted, ...rest] = callsOf(other);
      const ends = [...rest.slice(0, 2).sort(), ...rest.slice(2)];
      assert.deepEqual(
        [witnessed, adopted, ...ends],
        [
          'witnessLoss',
          'adoptBuild report 1',
          ...['destroyEnvironment', 'reportResult failed'], // both at once
          'releaseBuild',
        ],
      );
      assert.deepEqual(other.outcomes, [outcome]);
      assert.deepEqual(lost.outcomes, []);
    });
  }

  it('fails, and another node tells GitLab, before a person lets its containers go', async () => {
    const { handle, lost, other, join } = await startUpTo('reportResult success', { hold: '1h' });
    join();
    await lost.kill();
    await other.calls.when('reportResult failed', 1, FOUND_OUT_MS);
    const outcome = await resultOf(handle);
    assert.equal(outcome.state === 'failed' && outcome.reason, 'runner_system_failure');
    assert.equal(callsOf(other).at(-1), 'releaseBuild');
  });

  const LOST_RECORD: readonly (readonly [at: string, acknowledgements: number])[] = [
    ['acknowledgeJob', 2],
    // One call does both, and whether GitLab was told is not known.
    ['prepareEnvironment', 2],
    ['runStage step_script', 1],
    ['reportResult success', 1],
  ];
  for (const [at, acknowledgements] of LOST_RECORD) {
    it(`fails with the encrypted job when its node has lost its record by ${at}`, async () => {
      const { handle, lost, join, loseRecord } = await startUpTo(at);
      join(lost); // the node itself takes it over
      loseRecord();
      const outcome = await resultOf(handle);
      assert.equal(outcome.state === 'failed' && outcome.reason, 'runner_system_failure');
      assert.match(
        outcome.state === 'failed' ? outcome.message : '',
        /^node lost-\S+ has lost its record of the build/,
      );
      const calls = callsOf(lost);
      assert.ok(calls.includes('adoptBuild report 1'), calls.join(', '));
      assert.equal(calls.filter((call) => call === 'acknowledgeJob').length, acknowledgements);
      assert.ok(calls.includes('reportResult failed'), calls.join(', '));
      assert.equal(calls.at(-1), 'releaseBuild');
      assert.deepEqual(await ownerOf(handle), { nodeQueue: lost.queue, term: 1 });
    });
  }

  it('waits for no other try on a node that it has lost', async () => {
    const lost = await world.startNode(uniqueName('lost'));
    const upload = defer<never>();
    lost.behave({ uploadTrace: () => upload.promise });
    lost.stage('get_sources', { kind: 'script_failed', exitCode: 1 });
    const job = jobOf({ ...PLAIN_PLAN, preparation: [planned('get_sources', 5)] });
    fleet.add(job.buildId, lost);
    const handle = await startBuild(world, { node: lost, job, input: { rescue: RESCUE } });
    // This pause is long enough for a busy machine.
    await whenWaiting(handle, 'try 5 of get_sources');
    upload.reject(ApplicationFailure.nonRetryable('no record', FailureType.RecordLost));
    const outcome = await resultOf(handle);
    assert.match(outcome.state === 'failed' ? outcome.message : '', /has lost its record/);
    const { events } = await handle.fetchHistory();
    const pauses = events?.filter((event) => event.timerFiredEventAttributes);
    assert.equal(pauses?.length, 3);
  });

  it('continues where it was when its node comes back within the wait', async () => {
    const rescue = { ...RESCUE, waitMs: 120_000 };
    const { handle, lost, other, join } = await startUpTo('runStage step_script', {
      plan: PLAIN_PLAN,
      rescue,
    });
    join();
    await lost.kill();
    await other.calls.when('witnessLoss', 1, FOUND_OUT_MS);
    lost.stage('step_script', { kind: 'succeeded' });
    await lost.restart();
    assert.deepEqual(await resultOf(handle), { state: 'success' });
    assert.equal(
      other.calls.all.some((call) => call.startsWith('adopt')),
      false,
    );
    assert.deepEqual(await ownerOf(handle), { nodeQueue: lost.queue });
  });

  it('waits for the only node, also long after the wait is over', async () => {
    const { handle, lost, join } = await startUpTo('runStage step_script', { plan: PLAIN_PLAN });
    await lost.kill();
    // This is longer than the detection of the loss and the wait together.
    await new Promise((resolve) => setTimeout(resolve, 75_000));
    assert.equal((await handle.describe()).status.name, 'RUNNING');
    lost.stage('step_script', { kind: 'succeeded' });
    join(lost);
    await lost.restart();
    assert.deepEqual(await resultOf(handle), { state: 'success' });
  });

  it('fails instead of moving when its job is too large for its workflow', async () => {
    const rescue = { ...RESCUE, isWhole: false };
    const { handle, lost, other, join } = await startUpTo('runStage get_sources', { rescue });
    join();
    await lost.kill();
    const outcome = await resultOf(handle);
    assert.match(
      outcome.state === 'failed' ? outcome.message : '',
      /too large to be moved to another node$/,
    );
    assert.equal(other.calls.all.includes('runStage step_script'), false);
  });

  it('ends when only its clean-up is missing', async () => {
    const { handle, lost, other, join } = await startUpTo('destroyEnvironment', {
      plan: PLAIN_PLAN,
    });
    await whenOnlyPending(handle, 'destroyEnvironment');
    join();
    await lost.kill();
    assert.deepEqual(await resultOf(handle), { state: 'success' });
    assert.deepEqual(other.calls.all, []);
  });
});

/** Waits until the build says that it waits for this. */
async function whenWaiting(handle: BuildHandle, what: string): Promise<void> {
  while ((await handle.query(buildStatusQuery)).waitsFor?.includes(what) !== true) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Waits until only this activity is pending in Temporal. */
async function whenOnlyPending(handle: BuildHandle, activity: string): Promise<void> {
  for (;;) {
    const { pendingActivities } = (await handle.describe()).raw;
    if (pendingActivities?.every(({ activityType }) => activityType?.name === activity)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
