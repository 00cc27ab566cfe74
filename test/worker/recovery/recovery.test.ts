import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Acknowledgement } from '../../../src/activities/contract.ts';
import type { Ports } from '../../../src/ports/index.ts';
import type { Workflows } from '../../../src/ports/workflows.ts';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import type { Adoption } from '../../../src/domain/context/failover.ts';
import { BUILD_LABEL } from '../../../src/domain/executor/labels.ts';
import { createWorkflows } from '../../../src/adapters/temporal/workflows.ts';
import { createRecovery } from '../../../src/worker/recovery/recovery.ts';
import { buildMemo, serveRunnerId } from '../../../src/workflows/messages.ts';
import type { runBuild, RunBuildInput } from '../../../src/workflows/run-build.ts';
import { openProcess } from '../../activities/support/process.ts';
import { createWorld, until, type World as NodeWorld } from '../../activities/support/world.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import {
  callsOf,
  outcomeOf,
  startBuild,
  type BuildHandle,
} from '../../workflows/support/builds.ts';
import type { FakeNode } from '../../workflows/support/fake-node.ts';
import { jobOf, PLAIN_PLAN, uniqueName } from '../../workflows/support/jobs.ts';
import { openWorld, type World } from '../../workflows/support/world.ts';

const RECEIVED_AT_MS = 1_000_000;
/** The entropy of the record of a job that was handed out twice. */
const RECORDED_OFFER = 'fedcba9876543210';

describe('a node that recovers its builds', () => {
  let temporal: World;
  let node: FakeNode;
  let disk: NodeWorld;
  let context: BuildContext;
  let nowMs: number;
  /** The change of the wall clock since the start. */
  let setMs: number;
  before(async () => {
    temporal = await openWorld();
  });
  after(() => temporal.end());
  beforeEach(async () => {
    nowMs = RECEIVED_AT_MS;
    setMs = 0;
    lost.length = told.length = asked.length = 0;
    node = await temporal.startNode(uniqueName('node'));
    const buildId = `build/gitlab.test/${uniqueName('job')}`;
    context = contextOf({ context: { buildId, receivedAtMs: RECEIVED_AT_MS } });
    disk = createWorld(context);
    disk.docker.networks.set('its network', { [BUILD_LABEL]: buildId });
  });

  /** Builds that the process has reported as lost to another node. */
  const lost: string[] = [];

  /** The workflows that count builds, and what they were told. */
  const told: string[] = [];

  /** The builds about which Temporal was asked. */
  const asked: string[] = [];

  function openRecovery(more: Partial<Ports> = {}) {
    const { ports, activities } = openProcess(disk, {
      ports: {
        nodeQueue: node.queue,
        clock: {
          nowMs: () => nowMs + setMs,
          monotonicMs: () => nowMs,
          sleep: () => Promise.resolve(),
        },
        ...more,
      },
    });
    const orphaned = { ...activities.orphaned, listLost: () => Promise.resolve(lost) };
    const temporals = createWorkflows(temporal.temporal);
    const workflows: Workflows = {
      ...temporals,
      start: (start) => {
        const [{ runnerWorkflowId }] = start.args as [RunBuildInput];
        told.push(`${runnerWorkflowId} counts`);
        return temporals.start(start);
      },
      signal: (workflowId, signal) => {
        told.push(`${workflowId} ${signal.name}`);
        return temporals.signal(workflowId, signal);
      },
      describe: (workflowId) => {
        asked.push(workflowId);
        return temporals.describe(workflowId);
      },
    };
    return createRecovery({ workflows, installation: 'test', ports, orphaned });
  }

  const handle = (): BuildHandle | ReturnType<World['client']['getHandle']> =>
    temporal.client.getHandle<typeof runBuild>(context.buildId);

  /** Starts a build as its runner does, and waits for its script. */
  async function startRunning(on: FakeNode = node): Promise<BuildHandle> {
    on.stage('step_script', new Promise(() => undefined));
    const job = { ...jobOf(PLAIN_PLAN), buildId: context.buildId };
    const build = await startBuild(temporal, { node: on, job });
    await on.calls.when('runStage step_script');
    return build;
  }

  it('begins a build that was recorded but never begun', async () => {
    await openRecovery().recoverAll();
    assert.deepEqual(await outcomeOf(handle()), { state: 'success' });
    assert.equal(callsOf(node).at(-1), 'releaseBuild');
  });

  it('tells a running build about the new process', async () => {
    await startRunning();
    await openRecovery().recoverAll();
    await node.calls.when('runStage step_script', 2);
    assert.equal(disk.disk.records.size, 1);
    assert.equal(disk.docker.networks.size, 1);
  });

  it('tells it only once', async () => {
    const build = await startRunning();
    const recovery = openRecovery();
    await recovery.recoverAll();
    await node.calls.when('runStage step_script', 2);
    nowMs += 120_000;
    await recovery.reconcileBuilds();
    const { events } = await build.fetchHistory();
    const signals = events?.filter((event) => event.workflowExecutionSignaledEventAttributes);
    assert.equal(signals?.length, 1);
  });

  it('asks Temporal one thing about a build that runs', async () => {
    await startRunning();
    const recovery = openRecovery();
    nowMs += 10_000;
    await recovery.reconcileBuilds();
    assert.deepEqual([asked, told], [[context.buildId], []]);
  });

  it('removes everything of a terminated build, and tells GitLab', async () => {
    const build = await startRunning();
    await build.terminate('by mistake');
    await openRecovery().recoverAll();
    assert.equal(disk.docker.networks.size, 0);
    const [update, ...others] = disk.gitlab.updates;
    assert.deepEqual(others, []);
    const end = { state: 'failed', failureReason: 'runner_system_failure' };
    assert.deepEqual(update, { ...update, ...end, byteSize: disk.gitlab.trace.length });
    assert.match(disk.gitlab.trace, /somebody terminated it in Temporal/);
    assert.equal(disk.disk.records.size, 0);
    assert.deepEqual(disk.freed, [context.buildId]);
  });

  for (const [when, jumpMs] of [
    ['while it runs', 0],
    ['while the clock is set back by an hour', -3_600_000],
  ] as const) {
    it(`notices within two minutes when a build is terminated ${when}`, async () => {
      const recovery = openRecovery();
      const build = await startRunning();
      nowMs += 20_000;
      await recovery.reconcileBuilds();
      setMs = jumpMs;
      await build.terminate('by mistake');
      nowMs += 61_000;
      await recovery.reconcileBuilds();
      assert.equal(disk.disk.records.size, 0);
      assert.equal(disk.gitlab.state, 'failed');
    });
  }

  for (const asked of ['serve-runner/two/its runner', undefined] as const) {
    const why = asked === undefined ? 'of a record of 0.1.0' : 'although it is another node’s';
    it(`tells the workflow that has asked for a job of its build and its end, ${why}`, async () => {
      const record = { ...context, ...(asked !== undefined && { runnerWorkflowId: asked }) };
      disk.disk.records.set(context.buildId, record);
      node.stage('step_script', new Promise(() => undefined));
      const recovery = openRecovery();
      await recovery.recoverAll();
      await node.calls.when('runStage step_script');
      await handle().terminate('by mistake');
      nowMs += 61_000;
      await recovery.reconcileBuilds();
      const id = asked ?? serveRunnerId('test', context.runner);
      assert.deepEqual([told[0], told.at(-1)], [`${id} counts`, `${id} buildEnded`]);
    });
  }

  it('only removes the leftovers of a build that had reported its end', async () => {
    const job = { ...jobOf(PLAIN_PLAN), buildId: context.buildId };
    await outcomeOf(await startBuild(temporal, { node, job }));
    await openRecovery().recoverAll();
    assert.equal(disk.disk.records.size, 0);
    assert.deepEqual(disk.gitlab.updates, []);
  });

  it('tells who has ended a build also when its clock is ahead of Temporal’s', async () => {
    const receivedAtMs = Date.now() + 600_000;
    disk.disk.records.set(context.buildId, { ...context, receivedAtMs });
    node.stage('step_script', new Promise(() => undefined));
    const recovery = openRecovery();
    await recovery.recoverAll();
    await node.calls.when('runStage step_script');
    await handle().terminate('by mistake');
    nowMs += 61_000;
    await recovery.reconcileBuilds();
    assert.match(disk.gitlab.trace, /somebody terminated it in Temporal/);
    assert.equal(disk.disk.records.size, 0);
  });

  for (const [offer, skewMs, why] of [
    [undefined, 60_000, 'after a build of an earlier release'],
    ['the first offer', -600_000, 'although the clock of the node is behind Temporal’s'],
  ] as const) {
    it(`begins a re-issued job anew, ${why}`, async () => {
      await endTakenBack('taken', { skewMs, offer });
      await openRecovery().recoverAll();
      assert.deepEqual(await outcomeOf(handle()), { state: 'success' });
      assert.equal(scriptRuns(), 1);
    });
  }

  for (const [offer, skewMs, why] of [
    [undefined, -60_000, 'of a build of an earlier release'],
    [RECORDED_OFFER, 600_000, 'although the clock of the node is ahead of Temporal’s'],
  ] as const) {
    it(`begins nothing when the record is of the offer that was taken back, ${why}`, async () => {
      await endTakenBack('taken', { skewMs, offer });
      const before = node.calls.all.length;
      await openRecovery().recoverAll();
      assert.equal(node.calls.all.length, before);
      assert.equal(disk.disk.records.size, 0);
    });
  }

  for (const [ended, answer, why] of [
    ['accepted', 'accepted', 'GitLab was put back to a backup, and waits for it'],
    ['accepted', 'gone', 'GitLab has the end of it'],
    ['gone', 'accepted', 'who has deleted a job does not want it'],
  ] as const) {
    it(`reports a job that comes again after "${ended}", and runs nothing: ${why}`, async () => {
      await endTakenBack(ended, { skewMs: 60_000 });
      const [scripts, ends] = [scriptRuns(), node.outcomes.length];
      node.behave({ acknowledgeJob: () => Promise.resolve(answer) });
      await openRecovery().recoverAll();
      const outcome = await outcomeOf(handle());
      assert.equal(scriptRuns(), scripts);
      assert.equal(callsOf(node).at(-1), 'releaseBuild');
      if (answer === 'gone') return assert.deepEqual(outcome, { state: 'aborted' });
      assert.equal(outcome.state === 'failed' && outcome.reason, 'runner_system_failure');
      assert.deepEqual(node.outcomes.slice(ends), [outcome]);
    });
  }

  it('never takes the end of such a report for a job of which nothing was begun', async () => {
    await endTakenBack('accepted', { skewMs: 60_000 });
    const scripts = scriptRuns();
    for (const answer of ['taken', 'accepted'] as const) {
      node.behave({ acknowledgeJob: () => Promise.resolve(answer) });
      disk.disk.records.set(context.buildId, { ...context, entropy: answer });
      const ends = node.outcomes.length;
      await openRecovery().recoverAll();
      await outcomeOf(handle());
      assert.equal(scriptRuns(), scripts);
      assert.equal(node.outcomes.length, ends + 1);
    }
  });

  const scriptRuns = (): number =>
    node.calls.all.filter((call) => call.startsWith('runStage step_script')).length;

  it('begins a job at once that GitLab took back while its node was away', async () => {
    const recovery = openRecovery();
    node.behave({ acknowledgeJob: () => Promise.resolve('taken') });
    await recovery.recoverAll();
    await outcomeOf(handle());
    node.behave({ acknowledgeJob: () => Promise.resolve('accepted') });
    disk.disk.records.set(context.buildId, { ...context, entropy: 'another offer' });
    nowMs += 2_000;
    await recovery.reconcileBuilds();
    assert.deepEqual(await outcomeOf(handle()), { state: 'success' });
  });

  interface OfferedAgain {
    /** How far the clock by which the job is recorded is ahead of Temporal's. */
    readonly skewMs: number;
    /** The offer that the ended build names. A build of an earlier release names none. */
    readonly offer?: string | undefined;
  }

  /** Ends a build by GitLab's first answer. Then records its job. */
  async function endTakenBack(
    answer: Acknowledgement,
    { skewMs, offer }: OfferedAgain,
  ): Promise<void> {
    node.behave({ acknowledgeJob: () => Promise.resolve(answer) });
    const job = { ...jobOf(PLAIN_PLAN), buildId: context.buildId };
    const memo = { ...buildMemo(node.queue), ...(offer !== undefined && { offer }) };
    await outcomeOf(await startBuild(temporal, { node, job, memo }));
    node.behave({ acknowledgeJob: () => Promise.resolve('accepted') });
    const receivedAtMs = Date.now() + skewMs;
    context = contextOf({
      context: { buildId: context.buildId, entropy: RECORDED_OFFER, receivedAtMs },
    });
    disk = createWorld(context);
  }

  it('leaves a job to the other node if GitLab handed it to both', async () => {
    const other = await temporal.startNode(uniqueName('node'));
    const build = await startRunning(other);
    await openRecovery().recoverAll();
    assert.equal(disk.disk.records.size, 0);
    assert.deepEqual(disk.freed, [context.buildId]);
    assert.deepEqual(disk.gitlab.updates, []);
    assert.equal((await build.describe()).status.name, 'RUNNING');
    assert.equal(other.calls.all.filter((call) => call.startsWith('runStage')).length, 1);
  });

  /** Starts the workflow of a build that another node has, with its fencing token. */
  async function startElsewhere(term: number): Promise<BuildHandle> {
    const other = await temporal.startNode(uniqueName('node'));
    other.stage('step_script', new Promise(() => undefined));
    const job = { ...jobOf(PLAIN_PLAN), buildId: context.buildId };
    return startBuild(temporal, { node: other, job, memo: buildMemo(other.queue, term) });
  }

  function adopted(purpose: Adoption['purpose'], term: number): void {
    const adoption = { term, purpose, from: { name: 'lost', sinceMs: 0 } };
    disk.disk.records.set(context.buildId, { ...context, adoption });
  }

  it('drops a build that another node has taken over meanwhile, without a report', async () => {
    const build = await startElsewhere(1);
    await openRecovery().recoverAll();
    assert.equal(disk.docker.networks.size, 0);
    assert.equal(disk.disk.records.size, 0);
    assert.deepEqual(disk.freed, [context.buildId]);
    assert.deepEqual(disk.gitlab.updates, []);
    assert.equal((await build.describe()).status.name, 'RUNNING');
  });

  it('drops it at once when the build has learned of the failover', async () => {
    await startElsewhere(1);
    adopted('run', 2);
    const recovery = openRecovery();
    await recovery.recoverAll();
    disk.disk.records.set(context.buildId, context);
    await recovery.reconcileBuilds();
    assert.equal(disk.disk.records.size, 1);
    lost.push(context.buildId);
    await recovery.reconcileBuilds();
    assert.equal(disk.disk.records.size, 0);
  });

  it('keeps a build that it has taken over until the workflow knows', async () => {
    const build = await startElsewhere(1);
    adopted('run', 2);
    const recovery = openRecovery();
    await recovery.recoverAll();
    assert.equal(disk.disk.records.size, 1);
    await build.terminate('it never came to know');
    nowMs += 61_000;
    await recovery.reconcileBuilds();
    assert.equal(disk.disk.records.size, 0);
    assert.deepEqual(disk.gitlab.updates, []);
  });

  it('never begins a build that it has taken over only to report it', async () => {
    adopted('report', 1);
    const recovery = openRecovery();
    await recovery.recoverAll();
    await assert.rejects(handle().describe(), /not found/);
    assert.deepEqual(callsOf(node), []);
    assert.equal(disk.gitlab.state, 'failed');
    assert.equal(disk.disk.records.size, 0);
  });

  it('gives the runner ten seconds to begin the build of a new job', async () => {
    const recovery = openRecovery();
    nowMs += 9_000;
    await recovery.reconcileBuilds();
    await assert.rejects(handle().describe(), /not found/);
    nowMs += 1_000;
    await recovery.reconcileBuilds();
    await outcomeOf(handle());
  });

  it('gives it hardly longer when the clock is set back by an hour meanwhile', async () => {
    const recovery = openRecovery();
    setMs = -3_600_000;
    await recovery.reconcileBuilds();
    nowMs += 10_000;
    await recovery.reconcileBuilds();
    await outcomeOf(handle());
  });

  it('retries later what failed at the start, and recovers the other builds meanwhile', async () => {
    const build = await startRunning();
    await build.terminate('by mistake');
    const other = contextOf({ context: { buildId: `build/gitlab.test/${uniqueName('job')}` } });
    disk.disk.records.set(other.buildId, other);
    let isDown = true;
    const { ports } = openProcess(disk);
    const engine: Ports['engine'] = (runner) => {
      if (isDown) throw new Error('Docker does not answer');
      return ports.engine(runner);
    };
    const recovery = openRecovery({ engine });
    await recovery.recoverAll();
    assert.ok(disk.disk.records.has(context.buildId));
    await node.calls.when('acknowledgeJob', 2);

    isDown = false;
    await recovery.reconcileBuilds();
    assert.ok(!disk.disk.records.has(context.buildId));
  });

  it('begins a job while the check of another build hangs, and repeats no such check', async () => {
    const build = await startRunning();
    await build.terminate('by mistake');
    const { ports } = openProcess(disk);
    let hanging = 0;
    const engine: Ports['engine'] = (runner) => ({
      ...ports.engine(runner),
      listByLabels: () => {
        hanging += 1;
        return new Promise<never>(() => undefined);
      },
    });
    const recovery = openRecovery({ engine });
    nowMs += 10_000;
    void recovery.reconcileBuilds();
    await until(() => hanging > 0);
    const other = contextOf({ context: { buildId: `build/gitlab.test/${uniqueName('job')}` } });
    disk.disk.records.set(other.buildId, other);
    void recovery.reconcileBuilds();
    await node.calls.when('acknowledgeJob', 2);
    assert.equal(hanging, 1);
  });
});
