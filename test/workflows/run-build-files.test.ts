import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { BuildPlan } from '../../src/domain/context/stage.ts';
import { cancelBuildSignal, nodeRestartedSignal } from '../../src/workflows/messages.ts';
import { callsOf, outcomeOf, startBuild, type BuildHandle } from './support/builds.ts';
import { defer } from './support/calls.ts';
import type { FakeNode } from './support/fake-node.ts';
import { FILES_PLAN, jobOf, uniqueName } from './support/jobs.ts';
import { openWorld, type World } from './support/world.ts';

const GOOD = ['runStage archive_cache', 'runStage upload_artifacts_on_success'];
const BAD = ['runStage archive_cache_on_failure', 'runStage upload_artifacts_on_failure'];
const FAILED = { kind: 'script_failed', exitCode: 3 } as const;
const never = <T>(): Promise<T> => new Promise(() => undefined);

describe('the files that a build keeps', () => {
  let world: World;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());

  const start = async (
    arrange: (node: FakeNode) => void = () => undefined,
    change: Partial<BuildPlan> = {},
  ): Promise<{ readonly node: FakeNode; readonly handle: BuildHandle }> => {
    const node = await world.startNode(uniqueName('files'));
    arrange(node);
    const handle = await startBuild(world, { node, job: jobOf({ ...FILES_PLAN, ...change }) });
    return { node, handle };
  };
  const keptBy = (node: FakeNode): readonly string[] =>
    callsOf(node).filter((call) => /archive_cache|upload_artifacts/.test(call));

  const ends: [
    name: string,
    stages: Parameters<FakeNode['stage']>[],
    kept: string[],
    state: string,
  ][] = [
    ['its script succeeds', [], GOOD, 'success'],
    ['its script fails', [['step_script', FAILED]], BAD, 'failed'],
    ['its sources fail', [['get_sources', FAILED]], BAD, 'failed'],
    ['its shell does not start', [['prepare_script', FAILED]], [], 'failed'],
    ['its after_script fails, which is ignored', [['after_script', FAILED]], GOOD, 'success'],
    ['its cache fails', [['archive_cache', FAILED]], GOOD, 'failed'],
    ['its upload fails', [['upload_artifacts_on_success', FAILED]], GOOD, 'failed'],
  ];
  for (const [name, stages, kept, state] of ends) {
    it(`when ${name}: ${kept.length === 0 ? 'nothing' : 'the caches, then the artifacts'}`, async () => {
      const { node, handle } = await start((fake) => stages.forEach((one) => fake.stage(...one)));
      assert.equal((await outcomeOf(handle)).state, state);
      assert.deepEqual(keptBy(node), kept);
      const calls = callsOf(node);
      const cleanUp = calls.indexOf('runStage cleanup_file_variables');
      if (kept.length > 0) assert.ok(cleanUp > calls.indexOf(kept[1] ?? ''), calls.join(', '));
    });
  }

  it('the first failure counts: script before cache before artifacts', async () => {
    const codes = ['archive_cache', 'upload_artifacts_on_success'] as const;
    const { handle } = await start((node) => {
      codes.forEach((name, index) =>
        node.stage(name, { kind: 'script_failed', exitCode: 5 + index }),
      );
    });
    const outcome = await outcomeOf(handle);
    assert.equal(outcome.state === 'failed' && outcome.exitCode, 5);
    const { handle: second } = await start((node) => {
      node.stage('step_script', FAILED);
      node.stage('upload_artifacts_on_failure', { kind: 'script_failed', exitCode: 6 });
    });
    const other = await outcomeOf(second);
    assert.equal(other.state === 'failed' && other.exitCode, 3);
  });

  it('a clean-up that never ends is stopped, although the job’s time-out has ended', async () => {
    const { node, handle } = await start((fake) => fake.stage('cleanup_file_variables', never()), {
      jobTimeoutMs: 5_000,
    });
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    assert.deepEqual(keptBy(node), GOOD);
    assert.ok(callsOf(node).includes('stopStage kill'), callsOf(node).join(', '));
  });

  it('a cancel in the script keeps the files for failures', async () => {
    const { node, handle } = await start((fake) => fake.stage('step_script', never()));
    await node.calls.when('runStage step_script');
    await handle.signal(cancelBuildSignal);
    assert.equal((await outcomeOf(handle)).state, 'canceled');
    assert.deepEqual(keptBy(node), BAD);
  });

  it('a cancel before the script keeps nothing', async () => {
    const { node, handle } = await start((fake) => fake.stage('get_sources', never()));
    await node.calls.when('runStage get_sources');
    await handle.signal(cancelBuildSignal);
    assert.equal((await outcomeOf(handle)).state, 'canceled');
    assert.deepEqual(keptBy(node), []);
  });

  it('a job that takes too long keeps nothing', async () => {
    const { node, handle } = await start((fake) => fake.stage('step_script', never()), {
      jobTimeoutMs: 500,
    });
    assert.equal((await outcomeOf(handle)).state, 'failed');
    assert.deepEqual(keptBy(node), []);
  });

  it("the job's time does not run while artifacts are uploaded, and a cancel comes too late", async () => {
    const upload = defer<{ kind: 'succeeded' }>();
    const { node, handle } = await start(
      (fake) => fake.stage('upload_artifacts_on_success', upload.promise),
      { jobTimeoutMs: 2_000 },
    );
    await node.calls.when('runStage upload_artifacts_on_success');
    await handle.signal(cancelBuildSignal);
    // The wait is longer than the job's time-out: only time can show that nothing happens.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    upload.resolve({ kind: 'succeeded' });
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
  });

  it('an abort by GitLab ends an upload', async () => {
    const { node, handle } = await start((fake) =>
      fake.stage('upload_artifacts_on_success', never()),
    );
    await node.calls.when('runStage upload_artifacts_on_success');
    node.answerTrace('aborted');
    assert.equal((await outcomeOf(handle)).state, 'aborted');
    assert.ok(node.calls.all.includes('stopStage kill'));
  });

  it('an upload continues in the next process of a node that was killed', async () => {
    const { node, handle } = await start((fake) =>
      fake.stage('upload_artifacts_on_success', never()),
    );
    await node.calls.when('runStage upload_artifacts_on_success');
    await node.kill();
    node.stage('upload_artifacts_on_success', { kind: 'succeeded' });
    await node.restart();
    await handle.signal(nodeRestartedSignal);
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    const uploads = keptBy(node).filter((call) => call.endsWith('_on_success'));
    assert.equal(uploads.length, 2);
  });
});
