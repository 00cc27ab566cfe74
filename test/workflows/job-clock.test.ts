import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { StageOutcome } from '../../src/domain/context/outcome.ts';
import { callsOf, outcomeOf, startBuild } from './support/builds.ts';
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

  it('is set again when Temporal’s clock was ahead: the node says that there is time left', async () => {
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
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
    assert.deepEqual(asked, [500]);
  });

  it('is set again for the time that is left, and then ends the job', async () => {
    const { begin } = await start(500, 'step_script');
    const left = [300, 0];
    node.behave({ timeLeft: () => Promise.resolve(left.shift() ?? 0) });
    const outcome = await outcomeOf(await begin());
    assert.equal(outcome.state === 'failed' && outcome.reason, TIMED_OUT);
    assert.deepEqual(left, []);
  });

  it('is the node’s when Temporal’s clock is behind: the job is overdue', async () => {
    const { begin } = await start(60_000, 'step_script');
    const handle = await begin();
    await node.calls.when('runStage step_script');
    node.answerTrace('overdue');
    const outcome = await outcomeOf(handle);
    assert.equal(outcome.state === 'failed' && outcome.reason, TIMED_OUT);
    assert.ok(callsOf(node).includes('stopStage kill'), callsOf(node).join(', '));
    assert.equal(node.calls.all.filter((call) => call === 'uploadTrace').length, 2);
  });

  it('has ended before the job’s files are uploaded, however long that takes', async () => {
    const { begin, letGo } = await start(60_000, 'upload_artifacts_on_success');
    const handle = await begin();
    await node.calls.when('runStage upload_artifacts_on_success');
    node.answerTrace('overdue');
    await node.calls.when('uploadTrace', 2);
    letGo();
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
  });
});

describe('the clock of a script, of after_script and of other stages', () => {
  let world: World;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());

  const LIMITS = { scriptTimeoutMs: 500, afterScriptTimeoutMs: 500, sourcesTimeoutMs: 500 };
  const STAGES: readonly (readonly [held: string, timedOut: string])[] = [
    ['step_script', TIMED_OUT],
    // The outcome of after_script does not change that of the job.
    ['after_script', 'success'],
    ['get_sources', TIMED_OUT],
  ];
  for (const [held, timedOut] of STAGES) {
    for (const left of [[60_000], [300, 0]]) {
      const isOver = left.includes(0);
      it(`of ${held}: the node says ${left.join(', then ')} ms`, async () => {
        const node = await world.startNode(uniqueName('limits'));
        const ending = defer<StageOutcome>();
        node.stage(held, ending.promise);
        const answers = [...left];
        const asked: unknown[] = [];
        node.behave({
          timeLeft: (_build, _limitMs, stage) => {
            asked.push(stage);
            if (!isOver) ending.resolve({ kind: 'succeeded' });
            return Promise.resolve(answers.shift() ?? 0);
          },
        });
        const plan = { ...FILES_PLAN, ...LIMITS };
        const outcome = await outcomeOf(await startBuild(world, { node, job: jobOf(plan) }));
        assert.equal(
          outcome.state === 'failed' ? outcome.reason : outcome.state,
          isOver ? timedOut : 'success',
        );
        assert.deepEqual(answers, []);
        assert.deepEqual(asked[0], { name: held, attempt: 1 });
        assert.equal(
          callsOf(node).includes('stopStage graceful'),
          isOver && held !== 'get_sources',
        );
      });
    }
  }
});
