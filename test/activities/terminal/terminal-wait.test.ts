import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { createFakeSessions, type FakeSessions } from '../support/fake-sessions.ts';
import { createManualClock, settle, type ManualClock } from '../support/manual-clock.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, type World } from '../support/world.ts';
import { openActivityCall } from '../../support/temporal/activity-call.ts';

const MINUTE_MS = 60_000;
const STARTED_MS = 1_000_000;
const REQUEST = {
  stage: { name: 'wait_for_terminal', place: 'build', attempts: 1 },
  attempt: 1,
  jobStatus: 'success',
} as const;

interface Node {
  readonly sessions: FakeSessions;
  readonly clock: ManualClock;
  /** Begins the stage. `outcome` is undefined while it holds the build. */
  begin(): Promise<{ readonly outcome: () => StageOutcome | undefined; shutDown(): Promise<void> }>;
  stop(): Promise<void>;
}

interface Build {
  readonly world: World;
  /** A process of the node, at this time. */
  open(nowMs?: number): Node;
}

/** A build of a job with a time-out of one hour that has this age. */
async function buildOf({ ageMs = 0, timeoutMs = 30 * MINUTE_MS } = {}): Promise<Build> {
  const context = contextOf({ context: { receivedMonotonicMs: STARTED_MS - ageMs } });
  const { buildId } = context;
  const world = createWorld(context, { scripts: { 'build#1': { isEndless: true } } });
  await runActivity(() => openProcess(world).activities.node.prepareEnvironment({ buildId }));
  const open = (nowMs = STARTED_MS): Node => {
    const sessions = createFakeSessions(timeoutMs);
    const clock = createManualClock(nowMs);
    const { node } = openProcess(world, { ports: { sessions, clock } }).activities;
    return {
      ...{ sessions, clock },
      begin: async () => {
        let outcome: StageOutcome | undefined;
        const activity = openActivityCall();
        const call = activity.run(async () => {
          outcome = await node.runStage({ buildId }, REQUEST);
        });
        const shutDown = async (): Promise<void> => {
          activity.cancel('WORKER_SHUTDOWN');
          await assert.rejects(call, /WORKER_SHUTDOWN/);
        };
        await settle();
        return { outcome: () => outcome, shutDown };
      },
      stop: () =>
        runActivity(() => node.stopStage({ buildId }, { how: 'kill', reason: 'canceled' })),
    };
  };
  return { world, open };
}

function stateOfContainer({ docker }: World): string | undefined {
  const found = [...docker.containers.values()].find(({ spec }) => spec.name.endsWith('-build'));
  return found?.status.state;
}

describe('the wait for a terminal', () => {
  it('ends at once without a line when nobody is connected', async () => {
    const { world, open } = await buildOf();
    const { text } = world.spool.saved;
    const stage = await open().begin();
    assert.deepEqual(stage.outcome(), { kind: 'succeeded' });
    assert.deepEqual(world.started, []);
    assert.equal(world.spool.saved.text, text);
  });

  it('keeps the job’s container running until the person has left', async () => {
    const { world, open } = await buildOf();
    const { sessions, clock, begin } = open();
    sessions.come();
    const stage = await begin();
    await clock.pass(29 * MINUTE_MS);
    assert.equal(stage.outcome(), undefined);
    assert.equal(stateOfContainer(world), 'running');
    sessions.leave();
    await settle();
    assert.deepEqual(stage.outcome(), { kind: 'succeeded' });
    assert.equal(stateOfContainer(world), 'exited');
    const { text } = world.spool.saved;
    assert.match(
      text,
      /Terminal is connected, will time out in 30m0s\.\.\.[^]*Terminal disconnected/,
    );
    assert.doesNotMatch(text, /timed out/);
  });

  it('ends at its time-out, and the log and the terminal say so', async () => {
    const { world, open } = await buildOf();
    const { sessions, clock, begin } = open();
    sessions.come();
    const stage = await begin();
    await clock.pass(30 * MINUTE_MS);
    const line = 'terminal session timed out (maximum time allowed - 30m0s)';
    assert.deepEqual(stage.outcome(), { kind: 'succeeded' });
    assert.deepEqual(sessions.ended, [line]);
    assert.ok(world.spool.saved.text.includes(line));
    assert.equal(stateOfContainer(world), 'exited');
  });

  it('is never longer than the rest of the job’s time-out', async () => {
    const { open } = await buildOf({ ageMs: 50 * MINUTE_MS });
    const { sessions, clock, begin } = open();
    sessions.come();
    const stage = await begin();
    await clock.pass(10 * MINUTE_MS - 1);
    assert.equal(stage.outcome(), undefined);
    await clock.pass(1);
    assert.deepEqual(stage.outcome(), { kind: 'succeeded' });
    assert.match(sessions.ended.join(), /maximum time allowed - 10m0s/);
  });

  it('ends when the job is canceled', async () => {
    const { world, open } = await buildOf();
    const { sessions, begin, stop } = open();
    sessions.come();
    const stage = await begin();
    await stop();
    await settle();
    assert.deepEqual(stage.outcome(), { kind: 'stopped' });
    assert.deepEqual(sessions.ended, ['The job has ended.']);
    assert.equal(stateOfContainer(world), 'exited');
    assert.doesNotMatch(world.spool.saved.text, /disconnected|timed out/);
  });
});

describe('the wait for a terminal after a restart of the runner', () => {
  /** The stage holds the build in one process, which ends; another one begins ten minutes later. */
  async function restarted(options: Parameters<typeof buildOf>[0] = {}) {
    const { world, open } = await buildOf(options);
    const first = open();
    first.sessions.come();
    await (await first.begin()).shutDown();
    const second = open(STARTED_MS + 10 * MINUTE_MS);
    return { world, ...second, stage: await second.begin() };
  }

  it('gives the person twenty seconds to connect again', async () => {
    const { world, clock, stage } = await restarted();
    await clock.pass(19_999);
    assert.equal(stage.outcome(), undefined);
    await clock.pass(1);
    assert.deepEqual(stage.outcome(), { kind: 'succeeded' });
    assert.match(world.spool.saved.text, /Terminal disconnected/);
  });

  it('continues in the same container for the rest of the time when the person connects again', async () => {
    const { world, clock, sessions, stage } = await restarted();
    await clock.pass(5_000);
    sessions.come();
    await clock.pass(20 * MINUTE_MS - 5_001);
    assert.equal(stage.outcome(), undefined);
    await clock.pass(1);
    assert.deepEqual(stage.outcome(), { kind: 'succeeded' });
    assert.match(sessions.ended.join(), /timed out/);
    assert.deepEqual(world.started, ['build#1']);
    assert.equal(world.spool.saved.text.split('Terminal is connected').length, 2);
  });

  it('lasts as long as the first process had said when the job’s time-out ends it', async () => {
    const { world, clock, sessions, stage } = await restarted({ ageMs: 45 * MINUTE_MS });
    sessions.come();
    await clock.pass(5 * MINUTE_MS - 1);
    assert.equal(stage.outcome(), undefined);
    await clock.pass(1);
    assert.deepEqual(stage.outcome(), { kind: 'succeeded' });
    const said = world.spool.saved.text.match(/Terminal is connected, will time out in [\w.]+/g);
    assert.deepEqual(said, ['Terminal is connected, will time out in 15m0s...']);
  });
});
