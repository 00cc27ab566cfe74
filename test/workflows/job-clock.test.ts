import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { StageOutcome } from '../../src/domain/build/outcome.ts';
import { callsOf, startBuild } from './support/builds.ts';
import { defer } from './support/calls.ts';
import type { FakeNode } from './support/fake-node.ts';
import { FILES_PLAN, jobOf, uniqueName } from './support/jobs.ts';
import { openWorld, type World } from './support/world.ts';

const TIMED_OUT = 'job_execution_timeout';

describe('the clock of a job', () => {
  let world: World;
  let node: FakeNode;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());

  const start = async (jobTimeoutMs: number, held: string) => {
    node = await world.startNode(uniqueName('clock'));
    const ending = defer<StageOutcome>();
    node.stage(held, ending.promise);
    const begin = () => startBuild(world, { node, job: jobOf({ ...FILES_PLAN, jobTimeoutMs }) });
    return { begin, letGo: () => ending.resolve({ kind: 'succeeded' }) };
  };

  it('is set again when Temporal’s was ahead: the node says that there is time left', async () => {
    const { begin, letGo } = await start(500, 'step_script');
    const asked: number[] = [];
    node.behave({
      timeLeft: (_build, limitMs) => {
        asked.push(limitMs);
        return Promise.resolve(60_000);
      },
    });
    const handle = await begin();
    await node.calls.when('timeLeft');
    letGo();
    assert.deepEqual(await handle.result(), { state: 'success' });
    assert.deepEqual(asked, [500]);
  });

  it('is set again for what is left, and then ends the job', async () => {
    const { begin } = await start(500, 'step_script');
    const left = [300, 0];
    node.behave({ timeLeft: () => Promise.resolve(left.shift() ?? 0) });
    const outcome = await (await begin()).result();
    assert.equal(outcome.state === 'failed' && outcome.reason, TIMED_OUT);
    assert.deepEqual(left, []);
  });

  it('is the node’s when Temporal’s is behind: the job is overdue', async () => {
    const { begin } = await start(60_000, 'step_script');
    const handle = await begin();
    await node.calls.when('runStage step_script');
    node.answerTrace('overdue');
    const outcome = await handle.result();
    assert.equal(outcome.state === 'failed' && outcome.reason, TIMED_OUT);
    assert.ok(callsOf(node).includes('stopStage kill'), callsOf(node).join(', '));
    assert.equal(node.calls.all.filter((call) => call === 'uploadTrace').length, 2);
  });

  it('has ended when the job’s files are handed over: however late that is', async () => {
    const { begin, letGo } = await start(60_000, 'upload_artifacts_on_success');
    const handle = await begin();
    await node.calls.when('runStage upload_artifacts_on_success');
    node.answerTrace('overdue');
    await node.calls.when('uploadTrace', 2);
    letGo();
    assert.deepEqual(await handle.result(), { state: 'success' });
  });
});
