import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { StageOutcome } from '../../src/domain/context/outcome.ts';
import type { BuildPlan } from '../../src/domain/context/stage.ts';
import { cancelBuildSignal } from '../../src/workflows/messages.ts';
import { callsOf, outcomeOf, startBuild } from './support/builds.ts';
import { FILES_PLAN, jobOf, uniqueName } from './support/jobs.ts';
import { openWorld, type World } from './support/world.ts';

const WAIT = 'runStage wait_for_terminal';
const TERMINAL = { name: 'wait_for_terminal', place: 'build', attempts: 1 } as const;

describe('the wait for a terminal', () => {
  let world: World;
  before(async () => {
    world = await openWorld();
  });
  after(() => world.end());

  const start = async (
    stages: Readonly<Record<string, StageOutcome | Promise<StageOutcome>>>,
    plan: BuildPlan = { ...FILES_PLAN, terminal: TERMINAL },
  ) => {
    const node = await world.startNode(uniqueName('terminal'));
    for (const [name, outcome] of Object.entries(stages)) node.stage(name, outcome);
    return { node, handle: await startBuild(world, { node, job: jobOf(plan) }) };
  };

  const results: [why: string, script: StageOutcome, state: string][] = [
    ['a job that succeeds', { kind: 'succeeded' }, 'success'],
    ['a job that fails', { kind: 'script_failed', exitCode: 3 }, 'failed'],
  ];
  for (const [why, script, state] of results) {
    it(`follows all other stages of ${why}, and comes before its result`, async () => {
      const { node, handle } = await start({ step_script: script });
      assert.equal((await outcomeOf(handle)).state, state);
      const calls = callsOf(node);
      const stages = calls.filter((call) => call.startsWith('runStage'));
      assert.equal(stages.at(-1), WAIT, calls.join(', '));
      const report = calls.findIndex((call) => call.startsWith('reportResult'));
      assert.ok(calls.indexOf(WAIT) < report, calls.join(', '));
    });
  }

  it('changes no result when it fails', async () => {
    const type = 'RunnerSystem' as const;
    const { handle } = await start({
      wait_for_terminal: { kind: 'system_failed', type, message: 'Docker is gone' },
    });
    assert.deepEqual(await outcomeOf(handle), { state: 'success' });
  });

  it('is stopped when the job is canceled', async () => {
    const { node, handle } = await start({
      wait_for_terminal: new Promise<StageOutcome>(() => undefined),
    });
    await node.calls.when(WAIT);
    await handle.signal(cancelBuildSignal);
    await outcomeOf(handle);
    assert.ok(
      callsOf(node).some((call) => call.startsWith('stopStage')),
      callsOf(node).join(', '),
    );
  });

  it('takes no lines of the runner along when a cancel leaves it out', async () => {
    const { node, handle } = await start(
      { step_script: new Promise<StageOutcome>(() => undefined) },
      { ...FILES_PLAN, terminal: TERMINAL, cleansUpLast: true },
    );
    await node.calls.when('runStage step_script');
    await handle.signal(cancelBuildSignal);
    assert.deepEqual(await outcomeOf(handle), { state: 'canceled' });
    const calls = callsOf(node);
    assert.ok(!calls.includes(WAIT), calls.join(', '));
    assert.ok(calls.includes('cleanup_file_variables + reportResult canceled'), calls.join(', '));
  });

  it('is none where the node has no session server', async () => {
    const { node, handle } = await start({}, FILES_PLAN);
    await outcomeOf(handle);
    assert.ok(!callsOf(node).includes(WAIT));
  });
});
