import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  feedSignal,
  fleetStateQuery,
  pauseRunnerSignal,
  reportHealthSignal,
  stopSignal,
} from '../../src/workflows/messages.ts';
import { callsOf } from './support/builds.ts';
import { jobOf, PLAIN_PLAN, uniqueName } from './support/jobs.ts';
import {
  FED,
  fleetOf,
  runnerSettings,
  startFleet,
  startRunner,
  untilState,
} from './support/runners.ts';
import { openWorld, type World } from './support/world.ts';

// With a suggestion after so few events it continues as new many times under load.
const SUGGESTED_AT_EVENTS = 50;

describe('a workflow that continues as new', () => {
  let world: World;
  before(async () => {
    world = await openWorld({ suggestContinueAsNewAt: SUGGESTED_AT_EVENTS });
  });
  after(() => world.end());

  async function countRuns(workflowId: string): Promise<number> {
    const { events } = await world.client.getHandle(workflowId).fetchHistory();
    const started = events?.[0]?.workflowExecutionStartedEventAttributes;
    return started?.continuedExecutionRunId ? 2 : 1;
  }

  it('loses no job and no build of a runner under a stream of signals', async () => {
    const name = uniqueName('runner');
    const gitlab = world.gitlab.runner(name);
    const node = await world.startNode(name);
    const runner = await startRunner(world, name, { ...FED, limit: 3 });
    const jobs = Array.from({ length: 25 }, () => jobOf(PLAIN_PLAN));
    for (const job of jobs) gitlab.answer({ kind: 'job', job, nodeQueue: node.queue });
    for (let limit = 4; limit < 104; limit += 1) {
      await runner.signal(feedSignal, { feeding: { ...FED, limit }, askAnew: false });
    }
    await node.calls.when('releaseBuild', jobs.length);
    const state = await untilState(runner, ({ buildIds }) => buildIds.length === 0);
    assert.equal(state.feeding.limit, 103);
    const scripts = callsOf(node).filter((call) => call === 'runStage step_script');
    assert.equal(scripts.length, jobs.length);
    assert.equal(await countRuns(runner.workflowId), 2, 'it has not continued as new');
    await gitlab.calls.when('ask', jobs.length + 1);
  });

  it('keeps counting running builds until they end', async () => {
    const name = uniqueName('runner');
    const gitlab = world.gitlab.runner(name);
    const node = await world.startNode(name);
    node.stage('step_script', new Promise(() => undefined));
    const runner = await startRunner(world, name, { ...FED, limit: 1 });
    const job = jobOf(PLAIN_PLAN);
    gitlab.answer({ kind: 'job', job, nodeQueue: node.queue });
    await node.calls.when('runStage step_script');
    for (let count = 0; (await countRuns(runner.workflowId)) === 1; count += 1) {
      assert.ok(count < 200, 'it never continued as new');
      await runner.signal(feedSignal, { feeding: { ...FED, limit: 1 }, askAnew: false });
    }
    const { buildIds } = await untilState(runner, () => true);
    assert.deepEqual(buildIds, [job.buildId]);
    assert.equal(gitlab.requests.length, 1);
    node.answerTrace('aborted');
    await gitlab.calls.when('ask', 2);
  });

  it('loses no signal of an installation', async () => {
    const installation = uniqueName('installation');
    const runners = [uniqueName('runner'), uniqueName('runner')];
    const [first = '', second = ''] = runners;
    const node = await world.startNode(installation);
    node.config(fleetOf(...runners.map((name) => runnerSettings(name))));
    const fleet = await startFleet(world, installation, node.queue);
    await world.gitlab.runner(second).calls.when('ask');
    const refusals = 120;
    for (let count = 0; count < refusals; count += 1) {
      if (count === refusals / 2) await fleet.signal(pauseRunnerSignal, second);
      await fleet.signal(reportHealthSignal, { runnerKey: first, isHealthy: false });
    }
    const { health, paused } = await fleet.query(fleetStateQuery);
    assert.equal(health[first]?.failures, refusals);
    assert.deepEqual(paused, [second]);
    await world.gitlab.runner(second).calls.when('end');
    assert.equal(await countRuns(fleet.workflowId), 2, 'it has not continued as new');
    await fleet.signal(stopSignal);
    await fleet.result();
  });
});
