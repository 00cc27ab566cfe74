import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { BuildOutcome } from '../../src/domain/context/outcome.ts';
import { createWorkflows } from '../../src/adapters/temporal/workflows.ts';
import { startBuild, type BuildHandle } from './support/builds.ts';
import { defer } from './support/calls.ts';
import type { FakeNode } from './support/fake-node.ts';
import { jobOf, PLAIN_PLAN } from './support/jobs.ts';
import { openWorld, type World } from './support/world.ts';

describe('the status of a build in Temporal', () => {
  let world: World;
  let node: FakeNode;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());

  async function begin(name: string, change: (node: FakeNode) => void): Promise<BuildHandle> {
    node = await world.startNode(name);
    change(node);
    return startBuild(world, { node, job: jobOf(PLAIN_PLAN) });
  }

  async function endOf(handle: BuildHandle): Promise<[status: string, error: unknown]> {
    const error = await handle.result().then(
      () => undefined,
      (reason: unknown) => (reason instanceof WorkflowFailedError ? reason.cause : reason),
    );
    return [(await handle.describe()).status.name, error];
  }

  it('is Completed after a success', async () => {
    const [status] = await endOf(await begin('good', () => undefined));
    assert.equal(status, 'COMPLETED');
  });

  it('is Failed with reason, exit code and stage after a script that failed', async () => {
    const handle = await begin('bad', (bad) => {
      bad.stage('step_script', { kind: 'script_failed', exitCode: 3 });
    });
    const [status, error] = await endOf(handle);
    assert.equal(status, 'FAILED');
    assert.ok(error instanceof ApplicationFailure);
    assert.equal(error.type, 'script_failure');
    assert.equal(error.message, 'script_failure, exit code 3 in step_script');
    const workflows = createWorkflows(world.temporal);
    const outcome = (await workflows.resultOf(handle.workflowId)) as BuildOutcome;
    assert.equal(outcome.state, 'failed');
    assert.equal(await workflows.failureOf(handle.workflowId), error.message);
  });

  it('is Failed, with the time-out as its reason, after the time-out of the job', async () => {
    node = await world.startNode('slow');
    node.stage('step_script', defer<never>().promise);
    const job = jobOf({ ...PLAIN_PLAN, jobTimeoutMs: 1_000 });
    const [status, error] = await endOf(await startBuild(world, { node, job }));
    assert.equal(status, 'FAILED');
    assert.ok(error instanceof ApplicationFailure);
    assert.equal(error.message, "timed out after 1s (the job's time-out) in step_script");
  });

  it('is Failed, with the limit of the script as its reason, after that time-out', async () => {
    node = await world.startNode('slow script');
    node.stage('step_script', defer<never>().promise);
    const job = jobOf({ ...PLAIN_PLAN, scriptTimeoutMs: 1_000 });
    const [status, error] = await endOf(await startBuild(world, { node, job }));
    assert.equal(status, 'FAILED');
    assert.ok(error instanceof ApplicationFailure);
    assert.equal(error.message, 'timed out after 1s (RUNNER_SCRIPT_TIMEOUT) in step_script');
  });

  const cancels: [who: string, cancel: (handle: BuildHandle) => Promise<unknown>][] = [
    ['GitLab', () => Promise.resolve(node.answerTrace('canceling'))],
    ['a signal', (handle) => handle.signal('cancelBuild')],
    ['a cancel request of Temporal', (handle) => handle.cancel()],
    ['GitLab, which wants nothing more of it', () => Promise.resolve(node.answerTrace('aborted'))],
  ];
  for (const [who, cancel] of cancels) {
    it(`is Canceled after a cancel by ${who}`, async () => {
      const handle = await begin(`canceled by ${who}`, (canceled) => {
        canceled.stage('step_script', defer<never>().promise);
      });
      await node.calls.when('runStage step_script');
      await cancel(handle);
      const [status, error] = await endOf(handle);
      assert.equal(status, 'CANCELLED');
      assert.ok(error instanceof CancelledFailure);
    });
  }

  it('is Failed when Temporal does not let it be canceled', async () => {
    const handle = await begin('refused', (refused) => {
      refused.stage('step_script', defer<never>().promise);
      const refusal = ApplicationFailure.nonRetryable('no permission', 'RunnerSystem');
      refused.behave({ markCanceled: () => Promise.reject(refusal) });
    });
    await node.calls.when('runStage step_script');
    node.answerTrace('canceling');
    const [status, error] = await endOf(handle);
    assert.equal(status, 'FAILED');
    assert.ok(error instanceof ApplicationFailure);
    assert.equal(error.type, 'job_canceled');
  });

  it('keeps for the next offer of the job that GitLab took it back', async () => {
    const handle = await begin('taken', (taken) => {
      taken.behave({ acknowledgeJob: () => Promise.resolve('taken') });
    });
    const [status, error] = await endOf(handle);
    assert.equal(status, 'FAILED');
    assert.ok(error instanceof ApplicationFailure);
    assert.equal(error.type, 'taken_back');
    assert.deepEqual(await createWorkflows(world.temporal).resultOf(handle.workflowId), {
      ...{ state: 'aborted', wasTakenBack: true },
    });
  });
});
