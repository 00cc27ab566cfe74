import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { WorkflowUpdateFailedError } from '@temporalio/client';
import { ApplicationFailure, workflowMetadataQuery } from '@temporalio/workflow';
import type { StageOutcome } from '../../src/domain/context/outcome.ts';
import {
  buildStatusQuery,
  cancelSignal,
  holdSignal,
  holdUpdate,
  releaseSignal,
  releaseUpdate,
  retrySignal,
  retryUpdate,
  shellUpdate,
  stagesQuery,
  type ShellInput,
} from '../../src/workflows/messages.ts';
import { callsOf, outcomeOf, startBuild, type BuildHandle } from './support/builds.ts';
import { defer, type Deferred } from './support/calls.ts';
import type { FakeNode } from './support/fake-node.ts';
import { FILES_PLAN, FULL_PLAN, jobOf, uniqueName } from './support/jobs.ts';
import { openWorld, type World } from './support/world.ts';

describe('a build that a person holds', () => {
  let world: World;
  let node: FakeNode;
  let handle: BuildHandle;
  let script: Deferred<StageOutcome>;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());
  beforeEach(async () => {
    node = await world.startNode(uniqueName('node'));
    script = defer();
    node.stage('step_script', script.promise);
  });

  const start = async (plan = FULL_PLAN): Promise<void> => {
    handle = await startBuild(world, { node, job: jobOf(plan) });
  };
  const startScript = async (plan = FULL_PLAN): Promise<void> => {
    await start(plan);
    await node.calls.when('runStage step_script');
  };
  const fail = (): void => script.resolve({ kind: 'script_failed', exitCode: 3 });
  const hold = (command: unknown): Promise<string> =>
    handle.executeUpdate(holdUpdate, { args: [command] });
  const release = (): Promise<string> => handle.executeUpdate(releaseUpdate, { args: [undefined] });
  const shell = (command: ShellInput): Promise<string> =>
    handle.executeUpdate(shellUpdate, { args: [command] });
  const retry = (): Promise<string> => handle.executeUpdate(retryUpdate, { args: [undefined] });
  const noticesOf = (): readonly string[] =>
    node.calls.all.flatMap((call) => /^writeNotice (.*)/.exec(call)?.[1] ?? []);
  const whenNotice = async (text: RegExp): Promise<void> => {
    while (!noticesOf().some((notice) => text.test(notice))) await node.calls.whenNext();
  };
  const whenStatus = async (stage: string): Promise<unknown> => {
    for (;;) {
      const status = await handle.query(buildStatusQuery);
      if (status.stage === stage) return status;
    }
  };

  const whenStagesEnded = async (): Promise<void> => {
    for (;;) {
      const rows = await handle.query(stagesQuery);
      const hasEnded = rows.some(
        ({ name, state }) => name === 'after_script' && state !== 'running',
      );
      if (hasEnded && rows.every(({ state }) => state !== 'running')) return;
    }
  };

  /** Checks that a command is refused with a reason. */
  async function assertRefused(command: Promise<string>, message: RegExp): Promise<void> {
    await assert.rejects(command, (error) => {
      assert.ok(error instanceof WorkflowUpdateFailedError);
      assert.match(String(error.cause), message);
      return true;
    });
  }

  it('keeps its containers and its slot after GitLab has the result, until `release`', async () => {
    await startScript();
    assert.match(await hold({ time: '30m', by: 'alice' }), /kept after the job/);
    fail();
    await node.calls.when('reportResult failed');
    const status = await whenStatus('hold');
    const { result, waitsFor } = status as { result: string; waitsFor: string };
    assert.equal(result, 'failed');
    assert.match(waitsFor, /^release or \d\d:\d\d:\d\d UTC: the containers are kept$/);
    assert.ok(!callsOf(node).includes('destroyEnvironment'));
    assert.match(await hold('1h'), /kept until \d\d:\d\d:\d\d UTC/);
    assert.equal(await release(), 'the containers are removed');
    await outcomeOf(handle);
    assert.deepEqual(callsOf(node).slice(-2), ['destroyEnvironment', 'releaseBuild']);
    const [first, second] = noticesOf();
    assert.match(first ?? '', /^Hold by alice at \S+ UTC: .* kept for 30m0s after the job$/);
    assert.match(second ?? '', /^The containers are kept until \S+ UTC, or until `release`$/);
    const lastNotice = node.calls.all.lastIndexOf(`writeNotice ${second}`);
    assert.ok(lastNotice < node.calls.all.indexOf('reportResult failed'), 'before the trace ends');
  });

  it('ends the hold when its time is over, also after another process took over the workflows', async () => {
    await startScript();
    await hold('3s');
    fail();
    await whenStatus('hold');
    const heldMs = Date.now();
    await world.restartWorkflows();
    await outcomeOf(handle);
    assert.ok(Date.now() - heldMs > 1_500, 'it was not held');
    assert.equal(callsOf(node).at(-2), 'destroyEnvironment');
  });

  for (const [what, isKept, command] of [
    ['keeps its containers by a command', true, { time: '30m', by: 'alice' }],
    ['is not held by one for a failure that has not come', false, { onFailure: true, by: 'alice' }],
  ] as const) {
    it(`${what} that comes after the stages, while an earlier one is not in the trace yet`, async () => {
      const writing = defer<undefined>();
      node.behave({ writeNotice: () => writing.promise });
      await startScript();
      await shell({ by: 'bob', container: 'build', isRunning: true });
      script.resolve({ kind: 'succeeded' });
      await whenStagesEnded();
      await hold(command);
      writing.resolve(undefined);
      await node.calls.when('reportResult success');
      if (isKept) {
        await whenStatus('hold');
        assert.ok(!callsOf(node).includes('destroyEnvironment'));
        assert.match(await release(), /the containers are removed/);
      }
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
      const notices = noticesOf().join('\n');
      assert.match(notices, /^Shell by bob .*\nHold by alice/);
      assert.equal(/^The containers are kept until \S+ UTC, or/m.test(notices), isKept);
      const lastNotice = node.calls.all.findLastIndex((call) => call.startsWith('writeNotice'));
      assert.ok(
        lastNotice < node.calls.all.indexOf('reportResult success'),
        'before the trace ends',
      );
    });
  }

  it('is held only after a failure if the person says so', async () => {
    await startScript();
    await hold({ onFailure: true });
    script.resolve({ kind: 'succeeded' });
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    assert.match(noticesOf()[0] ?? '', /kept for 1h0m0s after the job, if it fails$/);
  });

  for (const [what, end] of [
    ['the signal `cancel`', () => handle.signal(cancelSignal)],
    ['a cancel request of Temporal', () => handle.cancel()],
    ['the signal `release`', () => handle.signal(releaseSignal)],
  ] as const) {
    it(`ends the hold by ${what}, and keeps its result`, async () => {
      await startScript();
      await handle.signal(holdSignal, '1h');
      await whenNotice(/kept for 1h/);
      fail();
      await whenStatus('hold');
      await end();
      const outcome = await outcomeOf(handle);
      assert.equal(outcome.state, 'failed');
      assert.deepEqual(callsOf(node).slice(-2), ['destroyEnvironment', 'releaseBuild']);
    });
  }

  it('stops before a stage and continues on `release`; the trace names both commands and who gave them', async () => {
    const preparing = defer<undefined>();
    node.behave({ prepareEnvironment: () => preparing.promise });
    await start();
    await node.calls.when('prepareEnvironment');
    const answer = await hold({ before: 'get_sources', time: '20m', by: 'alice' });
    assert.match(answer, /stops before get_sources.*time-out goes on counting/);
    preparing.resolve(undefined);
    await node.calls.when('runStage prepare_script');
    await whenNotice(/has stopped before get_sources/);
    const { waitsFor } = await handle.query(buildStatusQuery);
    assert.match(waitsFor ?? '', /^release or \S+ UTC: held before get_sources$/);
    const { currentDetails } = await handle.query(workflowMetadataQuery);
    assert.match(currentDetails ?? '', /Waits for release or \S+ UTC: held .* since \S+ UTC/);
    await assertRefused(
      hold({ before: 'prepare_script' }),
      /"prepare_script" is to come, but: get_/,
    );
    assert.ok(!callsOf(node).includes('runStage get_sources'));
    await handle.executeUpdate(releaseUpdate, { args: [{ by: 'bob' }] });
    await node.calls.when('runStage step_script');
    script.resolve({ kind: 'succeeded' });
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    const words = noticesOf().join('\n');
    assert.match(words, /^Hold by alice at \S+ UTC: the job stops before get_sources, for at most/);
    assert.match(
      words,
      /^Release by bob at \S+ UTC: the build goes on, it was held before get_sources$/m,
    );
  });

  it('continues when the time of the stop is over', async () => {
    const preparing = defer<undefined>();
    node.behave({ prepareEnvironment: () => preparing.promise });
    await start();
    await hold({ before: 'step_script', time: '2s' });
    preparing.resolve(undefined);
    await whenNotice(/has stopped before step_script/);
    script.resolve({ kind: 'succeeded' });
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
  });

  it('is ended by a cancel and by its time-out while it has stopped', async () => {
    await start();
    await hold({ before: 'step_script', time: '1h' });
    await whenNotice(/has stopped before step_script/);
    await handle.signal(cancelSignal);
    assert.deepEqual(await outcomeOf(handle), { state: 'canceled' });
    assert.ok(!callsOf(node).includes('runStage step_script'));
  });

  it('stops after a failure of a stage that can be repeated, and repeats it on `retry`', async () => {
    let pulls = 0;
    node.behave({
      prepareEnvironment: () => {
        pulls += 1;
        if (pulls > 1) return Promise.resolve();
        return Promise.reject(ApplicationFailure.nonRetryable('no such image', 'ImagePull'));
      },
    });
    const acknowledged = defer<'accepted'>();
    node.behave({ acknowledgeJob: () => acknowledged.promise });
    const sources = defer<StageOutcome>();
    node.stage('get_sources', { kind: 'script_failed', exitCode: 1 });
    await start();
    await assertRefused(
      hold({ failureOf: 'step_script' }),
      /that can be tried again is to come, but: prepare_executor, get_sources$/,
    );
    await hold({ failureOf: 'prepare_executor', time: '20m' });
    await hold({ failureOf: 'get_sources', by: 'alice' });
    await assertRefused(retry(), /not held after a failed stage/);
    acknowledged.resolve('accepted');
    await whenNotice(/has stopped after a failure of prepare_executor, until/);
    await retry();
    await whenNotice(/has stopped after a failure of get_sources, until/);
    node.stage('get_sources', sources.promise);
    await handle.signal(retrySignal, { by: 'bob' });
    await node.calls.when('runStage get_sources#2');
    sources.resolve({ kind: 'succeeded' });
    await node.calls.when('runStage step_script');
    script.resolve({ kind: 'succeeded' });
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    assert.match(
      noticesOf().join('\n'),
      /^Retry by bob at \S+ UTC: the stage that has failed is tried again$/m,
    );
    assert.equal(pulls, 2);
  });

  it('has caches and artifacts saved again on `retry`, while the time-out does not count', async () => {
    node.stage('archive_cache', { kind: 'succeeded', isIncomplete: true });
    node.stage('upload_artifacts_on_success', { kind: 'script_failed', exitCode: 1 });
    await startScript(FILES_PLAN);
    await assertRefused(hold({ failureOf: 'cleanup_file_variables' }), /that can be tried again/);
    await hold({ failureOf: 'archive_cache' });
    await hold({ failureOf: 'upload_artifacts_on_success' });
    script.resolve({ kind: 'succeeded' });
    await whenNotice(/stopped after a failure of archive_cache, .* Its time-out goes on counting/);
    node.stage('archive_cache', { kind: 'succeeded' });
    await retry();
    await whenNotice(/has stopped after a failure of upload_artifacts_on_success, .*`release`\.$/);
    node.stage('upload_artifacts_on_success', { kind: 'succeeded' });
    await retry();
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    const calls = callsOf(node).join();
    assert.match(calls, /archive_cache#2.*upload_artifacts_on_success#2/);
    assert.doesNotMatch(calls, /step_script#2|#3/);
  });

  it('goes on without a cache that was not saved where nobody has ordered otherwise', async () => {
    node.stage('archive_cache', { kind: 'succeeded', isIncomplete: true });
    await startScript(FILES_PLAN);
    script.resolve({ kind: 'succeeded' });
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    assert.ok(!callsOf(node).includes('runStage archive_cache#2'));
  });

  it('reports the failure of a stage that nobody repeats, after `release` or when the time is over', async () => {
    node.stage('get_sources', { kind: 'script_failed', exitCode: 1 });
    const acknowledged = defer<'accepted'>();
    node.behave({ acknowledgeJob: () => acknowledged.promise });
    await start();
    await hold({ failureOf: 'get_sources', time: '2s' });
    acknowledged.resolve('accepted');
    await whenNotice(/has stopped after a failure of get_sources/);
    const outcome = await outcomeOf(handle);
    assert.equal(outcome.state, 'failed');
    assert.ok(!callsOf(node).includes('runStage get_sources#2'));
  });

  it('tells the trace who has a shell in which container while its script runs', async () => {
    await startScript();
    const container = 'runner-abc-project-42-concurrent-0-7-build';
    const answer = await shell({ by: 'alice', container, isRunning: true });
    assert.equal(answer, 'the shell may stay until its stage ends');
    await shell({ by: 'bad\nname', container: 'x y', isRunning: true });
    await whenNotice(/^Shell by somebody in Temporal at/);
    script.resolve({ kind: 'succeeded' });
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    const [first, second] = noticesOf();
    assert.match(
      first ?? '',
      /^Shell by alice at \S+ UTC: in container runner-abc-\S+-build, until its stage ends$/,
    );
    assert.match(second ?? '', /: in the job's container, until its stage ends$/);
    assert.doesNotMatch(callsOf(node).join(), /startForShell/);
  });

  it('starts its container for a shell where it has stopped, and says in the trace until when', async () => {
    await startScript();
    await hold({ before: 'after_script', time: '20m' });
    await assertRefused(shell({ by: 'alice' }), /container does not run now/);
    script.resolve({ kind: 'succeeded' });
    await whenNotice(/has stopped before after_script/);
    assert.match(await shell({ by: 'alice' }), /until \d\d:\d\d:\d\d UTC at the latest$/);
    await shell({ by: 'bob' });
    await whenNotice(/^Shell by bob/);
    assert.ok(!callsOf(node).includes('runStage after_script success'));
    await release();
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    const calls = node.calls.all.join('\n');
    assert.match(calls, /startForShell 1[^]*Shell by alice[^]*startForShell 2[^]*after_script/);
    assert.equal(noticesOf().filter((notice) => /has stopped before/.test(notice)).length, 1);
  });

  it('does not go on while its container is being started for a shell', async () => {
    const starting = defer<boolean>();
    node.behave({ startForShell: () => starting.promise });
    await startScript();
    await hold({ before: 'after_script', time: '20m' });
    script.resolve({ kind: 'succeeded' });
    await whenNotice(/has stopped before after_script/);
    const opening = shell({ by: 'alice' });
    await node.calls.when('startForShell 1');
    await release();
    await whenNotice(/^Release/);
    assert.doesNotMatch(callsOf(node).join(), /runStage after_script/);
    starting.resolve(true);
    await opening;
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    assert.match(callsOf(node).join(), /startForShell 1,.*runStage after_script/);
  });

  it('starts its container for a shell after the job, and removes it when the hold ends', async () => {
    await startScript();
    await hold('30m');
    fail();
    await whenStatus('hold');
    assert.match(await shell({ by: 'alice' }), /until \d\d:\d\d:\d\d UTC at the latest$/);
    assert.ok(!noticesOf().some((notice) => /^Shell/.test(notice)), 'the trace is finished');
    await release();
    await outcomeOf(handle);
    const calls = callsOf(node).slice(-3);
    assert.deepEqual(calls, ['startForShell 1', 'destroyEnvironment', 'releaseBuild']);
  });

  const unstarted: [why: string, start: () => Promise<boolean>, reason: RegExp][] = [
    ['there is none', () => Promise.resolve(false), /the job has no container yet/],
    [
      'Docker does not start it',
      () => Promise.reject(ApplicationFailure.nonRetryable('no such device', 'RunnerSystem')),
      /the container could not be started/,
    ],
  ];
  for (const [why, startForShell, reason] of unstarted) {
    it(`refuses a shell where ${why}, and stays held`, async () => {
      node.behave({ startForShell });
      await startScript();
      await hold('30m');
      fail();
      await whenStatus('hold');
      await assertRefused(shell({}), reason);
      assert.ok(!callsOf(node).includes('destroyEnvironment'));
      await release();
      await outcomeOf(handle);
    });
  }

  it('starts no container for a shell on a node of an earlier release', async () => {
    const { protocol, ...earlier } = jobOf(FULL_PLAN);
    assert.ok(protocol !== undefined);
    handle = await startBuild(world, { node, job: { ...earlier, protocol: 2 } });
    await node.calls.when('runStage step_script');
    await hold('30m');
    fail();
    await whenStatus('hold');
    await assertRefused(shell({}), /an earlier release began this build/);
    await release();
    await outcomeOf(handle);
    assert.doesNotMatch(callsOf(node).join(), /startForShell/);
  });

  it('refuses wrong commands with a reason, and logs what was wrong with a signal', async () => {
    await startScript();
    await assertRefused(hold('soon'), /a time is written as "30m"/);
    await assertRefused(hold('9h'), /at most 8h0m0s/);
    await assertRefused(hold(['30m']), /the input is a time such as/);
    await assertRefused(hold({ before: 'get_sources' }), /no stage "get_sources" is to come/);
    await assertRefused(hold('0'), /nothing of this build is held/);
    await assertRefused(release(), /nothing of this build is held/);
    await handle.signal(holdSignal, { time: 7 });
    await handle.signal(releaseSignal);
    await hold('1h');
    assert.equal(await hold('0'), 'the build is not held');
    fail();
    await outcomeOf(handle);
    assert.equal(callsOf(node).filter((call) => call === 'destroyEnvironment').length, 1);
  });
});
