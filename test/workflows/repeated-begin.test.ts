import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Worker } from '@temporalio/worker';
import { ApplicationFailure } from '@temporalio/workflow';
import { holdUpdate, retryUpdate } from '../../src/workflows/messages.ts';
import { callsOf, outcomeOf, startBuild } from './support/builds.ts';
import { defer } from './support/calls.ts';
import { FULL_PLAN, jobOf, uniqueName } from './support/jobs.ts';
import { openWorld, type World } from './support/world.ts';
import { WORKFLOW_BUNDLE } from './support/workflow-bundle.ts';

const STOPPED = /^writeNotice .*has stopped after a failure of prepare_executor/;
/** What a worker answers for a call that its end cuts off. */
const PROCESS_STOPPED = ApplicationFailure.retryable('Worker is shutting down', 'WorkerShutdown');

describe('a preparation that is tried again', () => {
  let world: World;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());

  for (const [protocol, calls] of [
    [4, ['acknowledgeJob', 'prepareEnvironment', 'prepareEnvironment', 'acknowledgeJob']],
    [5, ['acknowledgeJob', 'prepareEnvironment', 'acknowledgeJob', 'prepareEnvironment']],
  ] as const) {
    it(`repeats on \`retry\` what a node of protocol ${protocol} does when the first answer was lost`, async () => {
      const pulling = defer<undefined>();
      let pulls = 0;
      const node = await world.startNode(uniqueName('node'));
      node.behave({
        prepareEnvironment: () => (pulls++ === 0 ? pulling.promise : Promise.resolve()),
      });
      const handle = await startBuild(world, { node, job: { ...jobOf(FULL_PLAN), protocol } });
      await node.calls.when('prepareEnvironment');
      await handle.executeUpdate(holdUpdate, { args: [{ failureOf: 'prepare_executor' }] });
      pulling.reject(ApplicationFailure.nonRetryable('no such image', 'ImagePull'));
      while (!node.calls.all.some((call) => STOPPED.test(call))) await node.calls.whenNext();
      await handle.executeUpdate(retryUpdate, { args: [undefined] });
      assert.deepEqual(await outcomeOf(handle), { state: 'success' });
      const begun = callsOf(node).filter((call) => /^(prepareEnv|acknowledge)/.test(call));
      assert.deepEqual(begun, calls);
    });
  }

  it('goes on when the process is stopped in the last try that Temporal makes', async () => {
    const faults = [new Error('Docker is busy'), new Error('Docker is busy'), PROCESS_STOPPED];
    const node = await world.startNode(uniqueName('node'));
    node.behave({
      prepareEnvironment: () => {
        const fault = faults.shift();
        return fault === undefined ? Promise.resolve() : Promise.reject(fault);
      },
    });
    const handle = await startBuild(world, { node, job: jobOf(FULL_PLAN) });
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    const prepared = callsOf(node).filter((call) => call === 'prepareEnvironment');
    assert.equal(prepared.length, 4);
    await Worker.runReplayHistory({ workflowBundle: WORKFLOW_BUNDLE }, await handle.fetchHistory());
  });
});
