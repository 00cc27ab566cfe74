import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { BuildPlan } from '../../src/domain/context/stage.ts';
import { buildStateQuery } from '../../src/workflows/messages.ts';
import { callsOf, outcomeOf, startBuild } from './support/builds.ts';
import type { FakeNode } from './support/fake-node.ts';
import { FULL_PLAN, jobOf, PLAIN_PLAN, stage, uniqueName } from './support/jobs.ts';
import { openWorld, type World } from './support/world.ts';

/** Checks the end of a build: it is reported and its environment destroyed, then it is released. */
function assertConcluded(node: FakeNode, state: string): void {
  const calls = callsOf(node);
  const [first, second, last] = calls.slice(-3);
  assert.deepEqual([first, second].sort(), ['destroyEnvironment', `reportResult ${state}`].sort());
  assert.equal(last, 'releaseBuild');
}

/** The calls for the job itself, between the acknowledgement and the report. */
function workOf(node: FakeNode): readonly string[] {
  return callsOf(node).filter(
    (call) => call.startsWith('runStage') || call.startsWith('stopStage'),
  );
}

describe('a build', () => {
  let world: World;
  let node: FakeNode;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());

  async function startOn(plan: BuildPlan, behave: (node: FakeNode) => void = () => undefined) {
    node = await world.startNode(uniqueName('node'));
    behave(node);
    return startBuild(world, { node, job: jobOf(plan) });
  }

  it('does only what a plain job needs, in order', async () => {
    const handle = await startOn(PLAIN_PLAN);
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    assert.deepEqual(callsOf(node).slice(0, 3), [
      'acknowledgeJob',
      'prepareEnvironment',
      'runStage step_script',
    ]);
    assertConcluded(node, 'success');
    assert.equal(node.calls.all.length, 7);
  });

  it('fetches secrets first, and begins nothing without them', async () => {
    const secrets = { name: 'resolve_secrets', place: 'transfer', attempts: 1 } as const;
    const good = await startOn({ ...PLAIN_PLAN, secrets });
    assert.deepEqual(await outcomeOf(good), { state: 'success' });
    assert.deepEqual(callsOf(node).slice(1, 4), [
      ...['runStage resolve_secrets', 'prepareEnvironment', 'runStage step_script'],
    ]);
    const bad = await startOn({ ...PLAIN_PLAN, secrets }, (other) =>
      other.stage('resolve_secrets', {
        ...{ kind: 'system_failed', type: 'RunnerConfiguration', message: 'resolving secrets: no' },
      }),
    );
    assert.deepEqual(await outcomeOf(bad), {
      ...{ state: 'failed', reason: 'runner_configuration_error' },
      message: 'resolving secrets: no',
    });
    assert.deepEqual(workOf(node), ['runStage resolve_secrets']);
    assertConcluded(node, 'failed');
  });

  it('runs all stages of a full job in their order', async () => {
    const handle = await startOn(FULL_PLAN);
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    assert.deepEqual(workOf(node), [
      'runStage prepare_script',
      'runStage get_sources',
      'runStage step_script',
      'runStage after_script success',
      'runStage cleanup_file_variables',
    ]);
    assertConcluded(node, 'success');
  });

  it('passes lines of the runner to the next stage, on each of its tries', async () => {
    const says = { place: 'runner', attempts: 1 } as const;
    const sources = { ...stage('get_sources'), attempts: 2 };
    const preparation = [{ name: 'prepare_script' as const, ...says }, sources];
    const plan = { ...PLAIN_PLAN, preparation, hasShortPauses: true as const };
    let tries = 0;
    const handle = await startOn(plan, (fake) =>
      fake.behave({
        runStage: (_build, { stage: { name } }) =>
          Promise.resolve(
            name === 'get_sources' && (tries += 1) === 1
              ? { kind: 'script_failed', exitCode: 1 }
              : { kind: 'succeeded' },
          ),
      }),
    );
    assert.deepEqual(await handle.result(), { state: 'success' });
    assert.deepEqual(workOf(node), [
      'runStage prepare_script + get_sources',
      'runStage prepare_script + get_sources#2',
      'runStage step_script',
    ]);
  });

  describe('with a clean-up that prints nothing', () => {
    const plan = { ...FULL_PLAN, cleansUpLast: true as const };
    const CLEANUP = 'cleanup_file_variables';

    it('reports its result without waiting for the clean-up', async () => {
      const handle = await startOn(plan);
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
      const [reported, destroyed] = callsOf(node).slice(-3);
      assert.deepEqual([reported, destroyed].sort(), [
        ...[`${CLEANUP} + destroyEnvironment`, `${CLEANUP} + reportResult success`],
      ]);
      assert.doesNotMatch(workOf(node).join(), /cleanup/);
    });

    it('cleans up once also after sources that were not got', async () => {
      const handle = await startOn(plan, (fake) => {
        fake.stage('get_sources', { kind: 'script_failed', exitCode: 128 });
      });
      await outcomeOf(handle);
      assert.equal(callsOf(node).filter((call) => call.startsWith(CLEANUP)).length, 2);
    });

    it('leaves it out where nothing of the job may run any more', async () => {
      const handle = await startOn(plan, (fake) => fake.stage('step_script', hold()));
      await node.calls.when('runStage step_script');
      node.answerTrace('aborted');
      await outcomeOf(handle);
      assert.doesNotMatch(callsOf(node).join(), /cleanup/);
    });

    it('runs it as a stage on a node of an earlier release', async () => {
      node = await world.startNode(uniqueName('node'));
      const handle = await startBuild(world, { node, job: { ...jobOf(plan), protocol: 3 } });
      await outcomeOf(handle);
      assert.equal(workOf(node).at(-1), `runStage ${CLEANUP}`);
      assertConcluded(node, 'success');
    });
  });

  it('answers its stage in a query', async () => {
    const handle = await startOn(FULL_PLAN, (fake) => fake.stage('step_script', hold()));
    await node.calls.when('runStage step_script');
    const running = await handle.query(buildStateQuery);
    assert.equal(running.stage, 'step_script');
    node.answerTrace('aborted');
    await outcomeOf(handle);
    const ended = await handle.query(buildStateQuery);
    assert.equal(ended.stage, 'ended');
    assert.deepEqual(ended.interruption, { kind: 'aborted' });
  });

  describe('whose stage fails', () => {
    it('skips later steps, and still runs after_script and the clean-up', async () => {
      const plan = { ...FULL_PLAN, steps: [stage('step_script'), stage('step_release')] };
      const handle = await startOn(plan, (fake) => {
        fake.stage('step_script', { kind: 'script_failed', exitCode: 3 });
      });
      assert.deepEqual(await outcomeOf(handle), {
        state: 'failed',
        reason: 'script_failure',
        exitCode: 3,
        message: 'exit code 3',
      });
      assert.deepEqual(workOf(node).slice(-3), [
        'runStage step_script',
        'runStage after_script failed',
        'runStage cleanup_file_variables',
      ]);
      assertConcluded(node, 'failed');
    });

    it('runs no script of the user when the sources fail, but cleans up', async () => {
      const handle = await startOn(FULL_PLAN, (fake) => {
        fake.stage('get_sources', { kind: 'script_failed', exitCode: 128 });
      });
      const outcome = await outcomeOf(handle);
      assert.equal(outcome.state === 'failed' && outcome.exitCode, 128);
      assert.deepEqual(workOf(node), [
        'runStage prepare_script',
        'runStage get_sources',
        'runStage cleanup_file_variables',
      ]);
    });

    it('fails as a system failure when the shell does not start', async () => {
      const handle = await startOn(FULL_PLAN, (fake) => {
        fake.stage('prepare_script', { kind: 'script_failed', exitCode: 126 });
      });
      assert.deepEqual(await outcomeOf(handle), {
        state: 'failed',
        reason: 'runner_system_failure',
        message: 'prepare environment: exit code 126',
      });
      assert.deepEqual(workOf(node), ['runStage prepare_script']);
      assertConcluded(node, 'failed');
    });

    it('tries a stage as often as the job says, after a pause', async () => {
      const plan = { ...PLAIN_PLAN, preparation: [stage('get_sources', 2)] };
      const handle = await startOn(plan, (fake) => {
        fake.stage('get_sources', { kind: 'script_failed', exitCode: 1 });
      });
      await node.calls.when('runStage get_sources');
      const startedMs = Date.now();
      node.stage('get_sources', { kind: 'succeeded' });
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
      assert.deepEqual(workOf(node), [
        'runStage get_sources',
        'runStage get_sources#2',
        'runStage step_script',
      ]);
      assert.ok(Date.now() - startedMs >= 5_000, 'the second try came too early');
    });

    it('ignores a failed after_script, unless the job says otherwise', async () => {
      const failAfter = (fake: FakeNode): void => {
        fake.stage('after_script', { kind: 'script_failed', exitCode: 9 });
      };
      const ignoring = await startOn(FULL_PLAN, failAfter);
      assert.deepEqual(await outcomeOf(ignoring), { state: 'success' });
      const strict = await startOn({ ...FULL_PLAN, afterScriptIgnoreErrors: false }, failAfter);
      const outcome = await outcomeOf(strict);
      assert.equal(outcome.state === 'failed' && outcome.exitCode, 9);
    });

    it('fails as a system failure when the activity of a stage fails for good', async () => {
      const handle = await startOn(FULL_PLAN, (fake) => {
        fake.behave({ runStage: () => Promise.reject(finalFault('RunnerSystem', 'disk full')) });
      });
      assert.deepEqual(await outcomeOf(handle), {
        state: 'failed',
        reason: 'runner_system_failure',
        message: 'disk full',
      });
      assertConcluded(node, 'failed');
    });
  });

  describe('whose environment is not prepared', () => {
    it('tries three times, three seconds apart', async () => {
      const startedMs = Date.now();
      const handle = await startOn(FULL_PLAN, (fake) => {
        fake.behave({ prepareEnvironment: () => Promise.reject(new Error('daemon restarting')) });
      });
      const outcome = await outcomeOf(handle);
      assert.equal(outcome.state === 'failed' && outcome.reason, 'runner_system_failure');
      assert.equal(outcome.state === 'failed' && outcome.message, 'daemon restarting');
      assert.equal(callsOf(node).filter((call) => call === 'prepareEnvironment').length, 3);
      assert.ok(Date.now() - startedMs >= 6_000, 'the tries came too early');
      assert.deepEqual(workOf(node), []);
      assertConcluded(node, 'failed');
    });

    it('does not try again after a permanent error', async () => {
      const handle = await startOn(FULL_PLAN, (fake) => {
        const fault = finalFault('RunnerConfiguration', 'no such image');
        fake.behave({ prepareEnvironment: () => Promise.reject(fault) });
      });
      const outcome = await outcomeOf(handle);
      assert.equal(outcome.state === 'failed' && outcome.reason, 'runner_configuration_error');
      assert.equal(callsOf(node).filter((call) => call === 'prepareEnvironment').length, 1);
    });
  });

  describe('that GitLab refuses at the acknowledgement', () => {
    for (const answer of ['taken', 'gone'] as const) {
      it(`starts nothing and leaves nothing when the job is ${answer}`, async () => {
        const handle = await startOn(FULL_PLAN, (fake) => {
          fake.behave({ acknowledgeJob: () => Promise.resolve(answer) });
        });
        // GitLab may offer a job again that it took back, and the build must then run.
        const expected = answer === 'taken' ? { wasTakenBack: true } : {};
        assert.deepEqual(await outcomeOf(handle), { state: 'aborted', ...expected });
        assert.equal(callsOf(node)[0], 'acknowledgeJob');
        assertConcluded(node, 'aborted');
        assert.equal(callsOf(node).length, 4);
      });
    }

    it('is reported as failed when the acknowledgement fails for good', async () => {
      const handle = await startOn(FULL_PLAN, (fake) => {
        fake.behave({ acknowledgeJob: () => Promise.reject(finalFault('RunnerSystem', 'no key')) });
      });
      const outcome = await outcomeOf(handle);
      assert.equal(outcome.state === 'failed' && outcome.message, 'no key');
      assertConcluded(node, 'failed');
    });

    it('is acknowledged for as long as GitLab is away, and prepared only then', async () => {
      const handle = await startOn(PLAIN_PLAN, (fake) =>
        fake.behave({ beginBuild: () => Promise.resolve('unanswered') }),
      );
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
      assert.deepEqual(callsOf(node).slice(0, 3), [
        ...['acknowledgeJob', 'prepareEnvironment', 'runStage step_script'],
      ]);
    });

    it('is canceled without any work when GitLab cancels it at the acknowledgement', async () => {
      const handle = await startOn(FULL_PLAN, (fake) => {
        fake.behave({ acknowledgeJob: () => Promise.resolve('canceling') });
      });
      assert.deepEqual(await outcomeOf(handle), { state: 'canceled' });
      assert.deepEqual(callsOf(node).slice(0, 1), ['acknowledgeJob']);
      assert.deepEqual(workOf(node), []);
      assertConcluded(node, 'canceled');
    });
  });

  it('only reports the reason when its payload cannot be run', async () => {
    node = await world.startNode(uniqueName('node'));
    const handle = await startBuild(world, { node, job: jobOf(FULL_PLAN, 'no image given') });
    assert.deepEqual(await outcomeOf(handle), {
      state: 'failed',
      reason: 'runner_system_failure',
      exitCode: 3,
      message: 'no image given',
    });
    assert.deepEqual(workOf(node), []);
    assertConcluded(node, 'failed');
  });

  it('exists only once for a job, also after its end', async () => {
    node = await world.startNode(uniqueName('node'));
    const job = jobOf(PLAIN_PLAN);
    await outcomeOf(await startBuild(world, { node, job }));
    await assert.rejects(startBuild(world, { node, job }), WorkflowExecutionAlreadyStartedError);
    assert.equal(callsOf(node).filter((call) => call === 'runStage step_script').length, 1);
  });

  describe('whose end meets faults', () => {
    it('is released even if its result is refused for good', async () => {
      const handle = await startOn(PLAIN_PLAN, (fake) => {
        fake.behave({ reportResult: () => Promise.reject(finalFault('RunnerSystem', 'gone')) });
      });
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
      assertConcluded(node, 'success');
    });

    it('delivers its result and destroys its environment when the faults are over', async () => {
      let faults = 2;
      const failAtFirst = (): Promise<void> => {
        faults -= 1;
        return faults < 0 ? Promise.resolve() : Promise.reject(new Error('not now'));
      };
      const handle = await startOn(PLAIN_PLAN, (fake) => {
        fake.behave({ destroyEnvironment: failAtFirst, reportResult: failAtFirst });
      });
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
      const count = (name: string): number =>
        callsOf(node).filter((call) => call.startsWith(name)).length;
      assert.equal(count('reportResult') + count('destroyEnvironment'), 4);
      assert.equal(callsOf(node).at(-1), 'releaseBuild');
    });

    it('does not wait for an upload that does not react to its end', async () => {
      const handle = await startOn(PLAIN_PLAN, (fake) => fake.behave({ uploadTrace: hold }));
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    });

    it('continues when the upload fails for good', async () => {
      const handle = await startOn(FULL_PLAN, (fake) => {
        fake.behave({ uploadTrace: () => Promise.reject(finalFault('RunnerSystem', 'broken')) });
      });
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    });
  });
});

function hold<T>(): Promise<T> {
  return new Promise(() => undefined);
}

function finalFault(type: string, message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, type);
}
