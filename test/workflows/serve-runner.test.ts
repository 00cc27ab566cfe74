import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { StageOutcome } from '../../src/domain/context/outcome.ts';
import type { JobSummary } from '../../src/domain/context/stage.ts';
import {
  buildBegunSignal,
  buildEndedSignal,
  feedSignal,
  runnerStateQuery,
  runnerStatusQuery,
  stopSignal,
} from '../../src/workflows/messages.ts';
import type { runBuild } from '../../src/workflows/run-build.ts';
import { callsOf, outcomeOf, startBuild } from './support/builds.ts';
import { defer, type Deferred } from './support/calls.ts';
import type { FakeRunner } from './support/fake-gitlab.ts';
import type { FakeNode } from './support/fake-node.ts';
import { jobOf, PLAIN_PLAN, uniqueName } from './support/jobs.ts';
import { FED, startRunner, untilState, type RunnerHandle } from './support/runners.ts';
import { openWorld, workflowLines, type World } from './support/world.ts';

/** Events that Temporal may keep of an hour in which a runner gets no job. */
const MAX_IDLE_EVENTS_AN_HOUR = 600;

describe('a runner', () => {
  let world: World;
  let node: FakeNode;
  let name: string;
  let gitlab: FakeRunner;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());
  beforeEach(async () => {
    name = uniqueName('runner');
    gitlab = world.gitlab.runner(name);
    node = await world.startNode(name);
  });

  function handOut(job: JobSummary): void {
    gitlab.answer({ kind: 'job', job, nodeQueue: node.queue });
  }

  /** A script that lasts until the test ends it. */
  function holdScript(): Deferred<StageOutcome> {
    const ending = defer<StageOutcome>();
    node.stage('step_script', ending.promise);
    return ending;
  }

  /** Returns the messages of the runner's warnings once there is one. */
  async function untilWarned({ workflowId }: RunnerHandle): Promise<readonly string[]> {
    for (;;) {
      const lines = workflowLines.filter((line) => line.workflowId === workflowId);
      if (lines.length > 0) return lines.map(({ message }) => message);
      await delay(5);
    }
  }

  it('requests a job when it starts, and at its interval after an answer without a job', async () => {
    await startRunner(world, name, { ...FED, intervalMs: 3_000, offsetMs: 700, mayWait: true });
    gitlab.answer({ kind: 'no_job' });
    await gitlab.calls.when('ask', 2);
    const pace = { runnerKey: name, intervalMs: 3_000, offsetMs: 700, mayWait: true };
    assert.deepEqual(gitlab.requests, [
      { ...pace, askAtOnce: true, durationMs: 55_000 },
      { ...pace, askAtOnce: false, durationMs: 55_000 },
    ]);
  });

  it('starts a build for a job and requests the next one at once', async () => {
    const runner = await startRunner(world, name);
    const script = holdScript();
    const job = { ...jobOf(PLAIN_PLAN), offer: 'an offer' };
    handOut(job);
    await gitlab.calls.when('ask', 2);
    assert.equal(gitlab.requests[1]?.askAtOnce, true);
    assert.deepEqual((await runner.query(runnerStateQuery)).buildIds, [job.buildId]);
    await node.calls.when('runStage step_script');
    script.resolve({ kind: 'succeeded' });
    const build = world.client.getHandle<typeof runBuild>(job.buildId);
    assert.deepEqual(await outcomeOf(build), { state: 'success' });
    const { memo } = await build.describe();
    assert.deepEqual(memo, { nodeQueue: node.queue, offer: 'an offer' });
    await untilState(runner, ({ buildIds }) => buildIds.length === 0);
  });

  it('never has more builds than its limit, and requests again when one has ended', async () => {
    const runner = await startRunner(world, name, { ...FED, limit: 1 });
    const script = holdScript();
    handOut(jobOf(PLAIN_PLAN));
    await node.calls.when('runStage step_script');
    const { buildIds, questionsUnderWay } = await runner.query(runnerStateQuery);
    assert.equal(buildIds.length, 1);
    assert.equal(questionsUnderWay, 0);
    assert.equal(gitlab.requests.length, 1);
    script.resolve({ kind: 'succeeded' });
    await gitlab.calls.when('ask', 2);
  });

  it('has one request open while it is idle, and up to request_concurrency after jobs', async () => {
    const runner = await startRunner(world, name, { ...FED, requestConcurrency: 2 });
    await gitlab.calls.when('ask');
    assert.equal((await runner.query(runnerStateQuery)).questionsUnderWay, 1);
    for (let jobs = 0; jobs < 6; jobs += 1) handOut(jobOf(PLAIN_PLAN));
    await untilState(runner, (state) => state.questionsUnderWay === 2);
    await node.calls.when('releaseBuild', 6);
    assert.equal(gitlab.mostAtOnce, 2);
    gitlab.answer({ kind: 'no_job' });
    gitlab.answer({ kind: 'no_job' });
    await untilState(runner, (state) => state.questionsUnderWay === 1);
  });

  it('counts a request as a possible build: both together stay within the limit', async () => {
    const runner = await startRunner(world, name, { ...FED, limit: 2, requestConcurrency: 5 });
    holdScript();
    handOut(jobOf(PLAIN_PLAN));
    await node.calls.when('runStage step_script');
    await untilState(runner, (state) => state.questionsUnderWay === 1);
    assert.equal(gitlab.mostAtOnce, 1);
  });

  it('ignores messages of other shapes, and continues', async () => {
    const runner = await startRunner(world, name);
    await gitlab.calls.when('ask', 1);
    for (const sent of [[], [null], [{ feeding: { isFed: true } }], ['feed'], [{ feeding: 7 }]]) {
      await runner.signal(feedSignal.name, ...sent);
    }
    for (const sent of [[], [7]]) {
      await runner.signal(buildBegunSignal.name, ...sent);
      await runner.signal(buildEndedSignal.name, ...sent);
    }
    await runner.signal('nobodyKnowsThis', { really: true });
    const { feeding, buildIds } = await runner.query(runnerStateQuery);
    assert.deepEqual([feeding, buildIds], [FED, []]);
    gitlab.answer({ kind: 'no_job' });
    await gitlab.calls.when('ask', 2);
  });

  it('requests again some seconds after a failed request', async () => {
    await startRunner(world, name);
    await gitlab.calls.when('ask');
    const failedMs = Date.now();
    gitlab.fail();
    await gitlab.calls.when('ask', 2);
    assert.ok(Date.now() - failedMs >= 5_000, 'it did not wait');
    assert.ok(Date.now() - failedMs < 8_000, 'it waited too long');
  });

  it('requests again at once, without a warning, when a process is silent for 30 s', async () => {
    const runner = await startRunner(world, name);
    await gitlab.calls.when('ask');
    gitlab.fallSilent();
    await gitlab.calls.when('ask', 2);
    assert.equal(gitlab.requests[1]?.askAtOnce, true);
    await runner.signal('unknown');
    assert.deepEqual(await untilWarned(runner), ['signal is not known, ignored']);
  });

  describe('that is fed no longer', () => {
    it('ends its request, and makes a new one when it is fed again', async () => {
      const runner = await startRunner(world, name);
      await gitlab.calls.when('ask');
      await runner.signal(feedSignal, { feeding: { ...FED, isFed: false }, askAnew: false });
      await gitlab.calls.when('end');
      await untilState(runner, (state) => state.questionsUnderWay === 0);
      await runner.signal(feedSignal, { feeding: FED, askAnew: false });
      await gitlab.calls.when('ask', 2);
      assert.equal(gitlab.requests[1]?.askAtOnce, true);
    });

    it('still runs the job that its last request brings', async () => {
      const runner = await startRunner(world, name);
      gitlab.ignoreCancellation();
      await gitlab.calls.when('ask');
      await runner.signal(feedSignal, { feeding: { ...FED, isFed: false }, askAnew: false });
      await gitlab.calls.when('end');
      handOut(jobOf(PLAIN_PLAN));
      await node.calls.when('releaseBuild');
      assert.equal(gitlab.requests.length, 1);
    });
  });

  it('requests anew when its interval changes, but not when its limit does', async () => {
    const runner = await startRunner(world, name);
    await gitlab.calls.when('ask');
    await runner.signal(feedSignal, { feeding: { ...FED, limit: 7 }, askAnew: false });
    await runner.signal(feedSignal, { feeding: { ...FED, intervalMs: 900 }, askAnew: false });
    await gitlab.calls.when('ask', 2);
    assert.equal(gitlab.requests[1]?.intervalMs, 900);
    assert.equal(gitlab.calls.all.filter((call) => call === 'end').length, 1);
  });

  it('does not wait for a request whose process is gone', async () => {
    const runner = await startRunner(world, name);
    await gitlab.calls.when('ask');
    gitlab.ignoreCancellation();
    await runner.signal(feedSignal, { feeding: FED, askAnew: true });
    await gitlab.calls.when('ask', 2);
    assert.equal(gitlab.requests[1]?.askAtOnce, true);
    assert.equal((await runner.query(runnerStateQuery)).questionsUnderWay, 1);
  });

  describe('that is stopped', () => {
    it('ends when it has no build', async () => {
      const runner = await startRunner(world, name);
      await gitlab.calls.when('ask');
      await runner.signal(stopSignal);
      await runner.result();
      assert.equal(gitlab.requests.length, 1);
    });

    it('ends after its last build without disturbing it', async () => {
      const runner = await startRunner(world, name);
      const script = holdScript();
      handOut(jobOf(PLAIN_PLAN));
      await node.calls.when('runStage step_script');
      await runner.signal(stopSignal);
      await untilState(runner, (state) => state.isStopping && state.questionsUnderWay === 0);
      script.resolve({ kind: 'succeeded' });
      await runner.result();
      assert.ok(callsOf(node).includes('reportResult success'));
    });

    it('continues when it is fed again before that, and still counts the build', async () => {
      const runner = await startRunner(world, name, { ...FED, limit: 2 });
      holdScript();
      handOut(jobOf(PLAIN_PLAN));
      await node.calls.when('runStage step_script');
      await runner.signal(stopSignal);
      await untilState(runner, (state) => state.questionsUnderWay === 0);
      const asked = gitlab.requests.length;
      await runner.signal(feedSignal, { feeding: { ...FED, limit: 2 }, askAnew: false });
      await gitlab.calls.when('ask', asked + 1);
      assert.equal((await runner.query(runnerStateQuery)).buildIds.length, 1);
    });
  });

  describe('whose node begins a build by itself', () => {
    it('counts that build under its limit until it has ended', async () => {
      const runner = await startRunner(world, name, { ...FED, limit: 2 });
      const script = holdScript();
      const job = jobOf(PLAIN_PLAN);
      const input = { runnerWorkflowId: runner.workflowId, isCounted: false };
      await startBuild(world, { node, job, input });
      await untilState(runner, ({ buildIds }) => buildIds.includes(job.buildId));
      script.resolve({ kind: 'succeeded' });
      await untilState(runner, ({ buildIds }) => buildIds.length === 0);
    });

    it('does not count the same job again when the job comes after the build', async () => {
      const runner = await startRunner(world, name, { ...FED, limit: 1 });
      await gitlab.calls.when('ask');
      const job = jobOf(PLAIN_PLAN);
      const input = { runnerWorkflowId: runner.workflowId, isCounted: false };
      await outcomeOf(await startBuild(world, { node, job, input }));
      handOut(job);
      await gitlab.calls.when('ask', 2);
      assert.deepEqual((await runner.query(runnerStateQuery)).buildIds, []);
      assert.equal(callsOf(node).filter((call) => call === 'acknowledgeJob').length, 1);
    });

    it('keeps counting it when the job comes while the build runs', async () => {
      const runner = await startRunner(world, name, { ...FED, limit: 2 });
      await gitlab.calls.when('ask');
      const script = holdScript();
      const job = jobOf(PLAIN_PLAN);
      const input = { runnerWorkflowId: runner.workflowId, isCounted: false };
      await startBuild(world, { node, job, input });
      await node.calls.when('runStage step_script');
      handOut(job);
      await gitlab.calls.when('ask', 2);
      assert.deepEqual((await runner.query(runnerStateQuery)).buildIds, [job.buildId]);
      script.resolve({ kind: 'succeeded' });
      await untilState(runner, ({ buildIds }) => buildIds.length === 0);
    });
  });

  it('answers in plain text what it does, what it waits for and what GitLab answered', async () => {
    const runner = await startRunner(world, name);
    await gitlab.calls.when('ask');
    const asked = { asks: true, requestsOpen: 1, everySeconds: 0.2, builds: 0, limit: 0 };
    assert.deepEqual(await runner.query(runnerStatusQuery), { ...asked, isAccepted: true });
    gitlab.answer({ kind: 'no_job', wait: 'place' });
    await gitlab.calls.when('ask', 2);
    const first = (await runner.query(runnerStatusQuery)) as Record<string, unknown>;
    assert.equal(first['waitsFor'], 'a slot for one more build on a node');
    assert.match(String(first['since']), /^\d{4}-.*Z$/);
    gitlab.answer({ kind: 'no_job', wait: 'place' });
    await gitlab.calls.when('ask', 3);
    const second = (await runner.query(runnerStatusQuery)) as Record<string, unknown>;
    assert.deepEqual([second['since'], second['at'] === first['at']], [first['since'], false]);
    gitlab.answer({ kind: 'no_job', isAway: true });
    await gitlab.calls.when('ask', 4);
    const { lastAnswer, waitsFor } = (await runner.query(runnerStatusQuery)) as typeof first;
    assert.deepEqual([lastAnswer, waitsFor], ['none: GitLab is away', 'GitLab']);
    await runner.signal(feedSignal, { feeding: { ...FED, isFed: false }, askAnew: false });
    await untilState(runner, ({ feeding }) => !feeding.isFed);
    const paused = (await runner.query(runnerStatusQuery)) as typeof first;
    assert.deepEqual(
      [paused['asks'], paused['why']],
      [false, 'paused, drained, or refused by GitLab too often'],
    );
  });

  it('adds few events to its history while it gets no job', async () => {
    const runner = await startRunner(world, name);
    const requests = 10;
    const eventsAfter = async (count: number): Promise<number> => {
      await gitlab.calls.when('ask', count);
      return (await runner.fetchHistory()).events?.length ?? 0;
    };
    const before = await eventsAfter(1);
    let events = before;
    for (let count = 1; count <= requests; count += 1) {
      gitlab.answer({ kind: 'no_job' });
      events = await eventsAfter(count + 1);
    }
    const requestMs = gitlab.requests[0]?.durationMs ?? 0;
    const anHour = ((events - before) / requests) * (3_600_000 / requestMs);
    assert.ok(anHour <= MAX_IDLE_EVENTS_AN_HOUR, `${anHour} events an hour`);
  });
});
