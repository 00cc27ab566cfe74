import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Worker } from '@temporalio/worker';
import type { BuildPlan, PlannedStage, StageName } from '../../src/domain/context/stage.ts';
import { cancelBuildSignal, nodeQueue, nodeRestartedSignal } from '../../src/workflows/messages.ts';
import { createWorkflows } from '../../src/adapters/temporal/workflows.ts';
import { outcomeOf, startBuild, type BuildHandle } from './support/builds.ts';
import { FULL_PLAN, jobOf, jobOfOldNode, stage, transfer, uniqueName } from './support/jobs.ts';
import { openRandomNode, type RandomBuild } from './support/random-node.ts';
import { seededRandom, type Random } from './support/random.ts';
import { openWorld, type World } from './support/world.ts';
import { WORKFLOW_BUNDLE } from './support/workflow-bundle.ts';

/** TGR_SEEDS=1000 tries more seeds. The title of a test names its seed. */
const SEEDS = Number(process.env['TGR_SEEDS'] ?? 50);
const FIRST_SEED = Number(process.env['TGR_FIRST_SEED'] ?? 1);
/** With more builds at once, heartbeats come too late because the processor is busy. */
const MAX_AT_ONCE = 100;
/** Ends a long stage when nothing else ends it. */
const JOB_TIMEOUT_MS = 4_000;

interface Played {
  readonly seed: number;
  readonly workflowId: string;
  readonly history: Awaited<ReturnType<BuildHandle['fetchHistory']>>;
}

type Meddling = 'cancel' | 'restart' | 'terminal cancel';

describe('a build among random faults', () => {
  let world: World;
  let worker: Worker;
  let running: Promise<void>;
  const queue = nodeQueue(uniqueName('random'));
  const meddlings = new Map<string, ReadonlyMap<number, Meddling>>();
  const played: Played[] = [];
  const node = openRandomNode(
    async (buildId, callCount) => {
      const handle = world.client.getHandle(buildId);
      switch (meddlings.get(buildId)?.get(callCount)) {
        case 'cancel':
          return handle.signal(cancelBuildSignal);
        case 'terminal cancel':
          await handle.cancel();
          return;
        case 'restart':
          return handle.signal(nodeRestartedSignal);
        case undefined:
      }
    },
    (buildId) => createWorkflows(world.temporal).cancel(buildId),
  );

  before(async () => {
    world = await openWorld();
    worker = await Worker.create({
      connection: world.connection,
      taskQueue: queue,
      activities: { ...node.activities },
      shutdownForceTime: '200 ms',
    });
    running = worker.run().catch(() => undefined);
  });
  after(async () => {
    worker.shutdown();
    await running;
    await world.end();
  });

  // They run at once because they mostly wait for a retry or a time limit.
  describe('many at once', { concurrency: Math.min(SEEDS, MAX_AT_ONCE) }, () => {
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed += 1) {
      it(`keeps its promises with seed ${seed}`, async () => {
        const random = seededRandom(seed);
        const jobOfNode = random.chance(0.4) ? jobOfOldNode : jobOf;
        const job = jobOfNode(randomPlan(random));
        meddlings.set(job.buildId, randomMeddling(random));
        const build = node.add(job.buildId, random);
        const handle = await startBuild(world, { node: { queue }, job });
        await outcomeOf(handle);
        assertPromises(build);
        played.push({ seed, workflowId: job.buildId, history: await handle.fetchHistory() });
      });
    }
  });

  // One worker replays them all, because each worker takes megabytes that are never freed.
  it('decides the same when its history is replayed, with every seed', async () => {
    const seeds = new Map(played.map(({ workflowId, seed }) => [workflowId, seed]));
    const replayed = new Set<number | undefined>();
    for await (const { workflowId, error } of Worker.runReplayHistories(
      { workflowBundle: WORKFLOW_BUNDLE },
      played,
    )) {
      const seed = seeds.get(workflowId);
      assert.equal(error, undefined, `the build with seed ${seed} is replayed otherwise`);
      replayed.add(seed);
    }
    assert.equal(replayed.size, SEEDS);
  });
});

function randomPlan(random: Random): BuildPlan {
  return {
    ...FULL_PLAN,
    ...(random.chance(0.3) && { secrets: transfer('resolve_secrets') }),
    preparation: [
      ...[stage('prepare_script'), stage('get_sources')],
      ...sometimes(random, ['restore_cache', 'download_artifacts']),
    ],
    finish: {
      onSuccess: sometimes(random, ['archive_cache', 'upload_artifacts_on_success']),
      onFailure: sometimes(random, ['archive_cache_on_failure', 'upload_artifacts_on_failure']),
    },
    steps: random.chance(0.5) ? FULL_PLAN.steps : [...FULL_PLAN.steps, stage('step_release')],
    afterScript: random.chance(0.7) ? FULL_PLAN.afterScript : undefined,
    cleanup: random.chance(0.7) ? FULL_PLAN.cleanup : undefined,
    ...(random.chance(0.5) && { cleansUpLast: true as const }),
    jobTimeoutMs: JOB_TIMEOUT_MS,
    scriptTimeoutMs: random.chance(0.5) ? 1_500 : undefined,
    afterScriptTimeoutMs: 1_000,
    afterScriptIgnoreErrors: random.chance(0.5),
  };
}

function sometimes(random: Random, names: readonly StageName[]): readonly PlannedStage[] {
  return names.filter(() => random.chance(0.6)).map(transfer);
}

function randomMeddling(random: Random): ReadonlyMap<number, Meddling> {
  const kinds = ['cancel', 'restart', 'restart', 'terminal cancel'] as const;
  const count = random.below(3);
  return new Map(
    Array.from({ length: count }, () => [1 + random.below(9), random.pick(kinds)] as const),
  );
}

function assertPromises({ story, outcomes }: RandomBuild): void {
  const told = story.join(', ');
  const position = (entry: string): number => story.indexOf(entry);
  // I1: the end is reported, and repeated reports are equal.
  assert.ok(position('end report') >= 0, `never reported: ${told}`);
  assert.equal(new Set(outcomes.map((outcome) => JSON.stringify(outcome))).size, 1, told);
  // I2: a script is tried once. A repeated call re-attaches to it.
  const work = story.filter((entry) =>
    /^begin (step|after|get|prepare_script|resolve|restore|download|archive_cache|upload_art)/.test(
      entry,
    ),
  );
  assert.ok(
    work.every((entry) => entry.endsWith('#1')),
    told,
  );
  const order = [...new Set(work)].map((entry) => ORDER.findIndex((name) => entry.includes(name)));
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
    told,
  );
  // I6: the environment is destroyed after the last work, then the build is released, then nothing.
  const lastWork = story.findLastIndex((entry) =>
    /^begin (prepare|get|step|after|resolve|restore|download|archive|upload)/.test(entry),
  );
  assert.ok(story.lastIndexOf('end destroy') > lastWork, told);
  const rest = story.slice(Math.max(position('end report'), position('end destroy')) + 1);
  assert.ok(position('end release') >= 0, told);
  const others = rest.filter((entry) => !/(release|report|destroy|stop)/.test(entry));
  assert.deepEqual(
    others.filter((entry) => entry.startsWith('begin')),
    [],
    told,
  );
}

const ORDER = [
  ...['resolve_secrets', 'prepare_script', 'get_sources', 'restore_cache', 'download_artifacts'],
  ...['step_script', 'step_release', 'after_script'],
  ...['archive_cache', 'upload_artifacts'],
];
