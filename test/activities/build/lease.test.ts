import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildActivities, StageRequest } from '../../../src/activities/contract.ts';
import { holdsLease } from '../../../src/activities/build/lease.ts';
import { createLiveBuilds } from '../../../src/activities/build/live-builds.ts';
import type { Leases } from '../../../src/ports/index.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, tick, type World } from '../support/world.ts';

const context = contextOf();
const SCRIPT: StageRequest = {
  stage: { name: 'step_script', place: 'build', attempts: 1 },
  attempt: 1,
  jobStatus: 'running',
};
const ELSEWHERE = { nodeQueue: 'another', term: 1 };

interface Setting {
  readonly world: World;
  readonly node: BuildActivities;
  /** The number of queries to Temporal about the owner of the build. */
  readonly asked: () => number;
  /** The current times. They advance only during pauses. */
  readonly clock: Clocks;
  /** Asks whether the node may send something for the build, in a process without other calls. */
  holds(): Promise<boolean>;
  /** From now on Temporal does not answer. */
  cutOff(): void;
}

interface Clocks {
  nowMs: number;
  monotonicMs: number;
}

function pass(clock: Clocks, ms: number): void {
  clock.nowMs += ms;
  clock.monotonicMs += ms;
}

/** A build with an environment, on a node that has received no call for it yet. */
async function open(): Promise<Setting> {
  const world = createWorld(context, { keeps: 'everything' });
  const clock = { nowMs: 1_000_000, monotonicMs: 500_000 };
  let asked = 0;
  let isCutOff = false;
  const { confirm } = openProcess(world).ports.leases;
  const leases: Leases = {
    confirm: (claim) => {
      asked += 1;
      return isCutOff ? Promise.reject(new TransientError('no answer')) : confirm(claim);
    },
  };
  const { activities, ports } = openProcess(world, {
    ports: {
      leases,
      clock: {
        nowMs: () => clock.nowMs,
        monotonicMs: () => clock.monotonicMs,
        sleep: async (ms) => {
          pass(clock, ms);
          await tick();
        },
      },
    },
  });
  const { node } = activities;
  await runActivity(() => node.prepareEnvironment(context));
  const build = await createLiveBuilds(ports).open(context.buildId);
  return {
    ...{ world, node, clock },
    holds: () => holdsLease(build, ports),
    asked: () => asked,
    cutOff: () => {
      isCutOff = true;
    },
  };
}

function giveAway({ memo }: World): void {
  Object.assign(memo, ELSEWHERE);
}

describe('a node whose build moved to another one while it was frozen', () => {
  const acts: [what: string, act: (node: BuildActivities) => Promise<unknown>][] = [
    ['tell GitLab that the job runs', (node) => node.acknowledgeJob(context)],
    ['send the trace', (node) => node.uploadTrace(context, { ignoreCanceling: false })],
    ['report a result', (node) => node.reportResult(context, { state: 'success' })],
    ['run the script', (node) => node.runStage(context, SCRIPT)],
  ];
  for (const [what, act] of acts) {
    it(`does not ${what}`, async () => {
      const { world, node } = await open();
      giveAway(world);
      await runActivity(() => act(node));
      assert.deepEqual(world.gitlab.updates, []);
      assert.equal(world.gitlab.trace, '');
      assert.deepEqual(world.started, []);
    });
  }

  it('asks before it starts a container, even right after its lease was confirmed', async () => {
    const { world, node } = await open();
    await runActivity(() => node.acknowledgeJob(context));
    giveAway(world);
    await runActivity(() => node.runStage(context, SCRIPT));
    assert.deepEqual(world.started, []);
  });

  it('ends its upload and sends nothing when it wakes up during it', async () => {
    const { world, node, clock } = await open();
    await runActivity(() => node.acknowledgeJob(context));
    giveAway(world);
    pass(clock, 60_000);
    const end = await runActivity(() => node.uploadTrace(context, { ignoreCanceling: false }));
    assert.notEqual(end, 'canceling');
    assert.equal(world.gitlab.trace, '');
    assert.equal(world.gitlab.updates.length, 1);
  });

  it('removes all of its objects, also running ones, without a report', async () => {
    const world = createWorld(context, { scripts: { 'build#1': { isEndless: true } } });
    const { activities } = openProcess(world);
    await runActivity(() => activities.node.prepareEnvironment(context));
    const running = runActivity(() => activities.node.runStage(context, SCRIPT));
    while (world.started.length === 0) await tick();
    giveAway(world);
    await activities.orphaned.drop(context.buildId);
    await running.catch(() => undefined);
    assert.equal(world.docker.containers.size, 0);
    assert.equal(world.docker.networks.size, 0);
    assert.equal(world.disk.records.size, 0);
    assert.deepEqual(world.freed, [context.buildId]);
    assert.deepEqual([world.gitlab.trace, world.gitlab.updates], ['', []]);
  });
});

describe('a node with the lease of its build', () => {
  it('relies on an answer of Temporal for twenty seconds', async () => {
    const { holds, asked, clock } = await open();
    await holds();
    const before = asked();
    pass(clock, 19_000);
    assert.equal(await holds(), true);
    assert.equal(asked(), before);
    pass(clock, 2_000);
    assert.equal(await holds(), true);
    assert.equal(asked(), before + 1);
  });

  const moves: [why: string, move: (clock: Clocks) => void][] = [
    [
      'its clock was set back, because the answer’s age is unknown',
      (clock) => (clock.nowMs -= 3_600_000),
    ],
    [
      'its clock was set back by less than the time since the answer',
      (clock) => {
        pass(clock, 45_000);
        clock.nowMs -= 30_000;
      },
    ],
    ['the machine has slept, which only its calendar shows', (clock) => (clock.nowMs += 45_000)],
  ];
  for (const [why, move] of moves) {
    it(`asks anew when ${why}`, async () => {
      const { holds, asked, clock } = await open();
      await holds();
      const before = asked();
      move(clock);
      await holds();
      assert.equal(asked(), before + 1);
    });
  }

  it('continues for forty seconds while Temporal is away, and then sends nothing', async () => {
    const { holds, clock, cutOff } = await open();
    await holds();
    cutOff();
    pass(clock, 39_000);
    assert.equal(await holds(), true);
    pass(clock, 2_000);
    await assert.rejects(holds(), TransientError);
  });

  it('continues as long as the build waits for it once its script has begun', async () => {
    const { world, node, clock, cutOff } = await open();
    await runActivity(() => node.runStage(context, SCRIPT));
    cutOff();
    pass(clock, 290_000);
    await runActivity(() => node.reportResult(context, { state: 'success' }));
    assert.equal(world.gitlab.state, 'success');
  });

  it('starts no container when Temporal does not answer', async () => {
    const { world, node, cutOff } = await open();
    cutOff();
    await assert.rejects(
      runActivity(() => node.runStage(context, SCRIPT)),
      TransientError,
    );
    assert.deepEqual(world.started, []);
  });

  it('does not follow GitLab’s trace to another length before it has asked', async () => {
    const { world, node } = await open();
    await runActivity(() => node.acknowledgeJob(context));
    world.gitlab.trace = 'of the node that has the build now';
    giveAway(world);
    await runActivity(() => node.reportResult(context, { state: 'success' }));
    assert.equal(world.gitlab.trace, 'of the node that has the build now');
    assert.equal(world.gitlab.state, 'running');
  });
});
