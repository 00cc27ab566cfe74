import { ApplicationFailure, type WorkflowHandle } from '@temporalio/client';
import { defer } from '../../test/workflows/support/calls.ts';
import { outcomeOf, startBuild, type BuildHandle } from '../../test/workflows/support/builds.ts';
import type { FakeNode } from '../../test/workflows/support/fake-node.ts';
import {
  FULL_PLAN,
  jobOf,
  jobOfOldNode,
  PLAIN_PLAN,
  stage,
  uniqueName,
} from '../../test/workflows/support/jobs.ts';
import {
  FED,
  fleetOf,
  runnerSettings,
  startFleet,
  startRunner,
  untilState,
} from '../../test/workflows/support/runners.ts';
import type { World } from '../../test/workflows/support/world.ts';
import type { StageOutcome } from '../../src/domain/context/outcome.ts';
import type { BuildPlan } from '../../src/domain/context/stage.ts';
import {
  buildStatusQuery,
  cancelBuildSignal,
  feedSignal,
  holdUpdate,
  nodeRestartedSignal,
  pauseRunnerSignal,
  releaseSignal,
  releaseUpdate,
  reloadConfigSignal,
  resumeRunnerSignal,
  retrySignal,
  stopSignal,
  waitsSignal,
} from '../../src/workflows/messages.ts';

/** A workflow from its start to its end. Each of its runs is recorded as a history of its own. */
export interface Case {
  readonly workflow: 'runBuild' | 'serveRunner' | 'feedRunners';
  readonly name: string;
  run(world: World): Promise<WorkflowHandle>;
}

const NEVER = new Promise<never>(() => undefined);
const SOURCES = defer<StageOutcome>();
const PULL = defer<undefined>();

export const CASES: readonly Case[] = [
  build('success', { plan: FULL_PLAN }),
  build('failure', {
    plan: { ...FULL_PLAN, steps: [stage('step_script'), stage('step_release')] },
    prepare: (node) => node.stage('step_script', { kind: 'script_failed', exitCode: 3 }),
  }),
  build('retried-sources', {
    plan: { ...FULL_PLAN, preparation: [stage('get_sources', 2)] },
    prepare: (node) => node.stage('get_sources', { kind: 'script_failed', exitCode: 128 }),
  }),
  build('cancel', {
    plan: FULL_PLAN,
    prepare: (node) => node.stage('step_script', NEVER),
    act: async (handle, node) => {
      await node.calls.when('runStage step_script');
      await handle.signal(cancelBuildSignal);
    },
  }),
  build('abort', {
    plan: FULL_PLAN,
    prepare: (node) => node.stage('get_sources', NEVER),
    act: async (_handle, node) => {
      await node.calls.when('runStage get_sources');
      node.answerTrace('aborted');
    },
  }),
  build('timeout', {
    plan: { ...FULL_PLAN, jobTimeoutMs: 500 },
    prepare: (node) => node.stage('step_script', NEVER),
  }),
  build('script-timeout', {
    plan: { ...FULL_PLAN, scriptTimeoutMs: 500, afterScriptTimeoutMs: 500 },
    prepare: (node) => {
      node.stage('step_script', NEVER);
      node.stage('after_script', NEVER);
    },
  }),
  build('gone', {
    plan: FULL_PLAN,
    prepare: (node) => node.behave({ acknowledgeJob: () => Promise.resolve('gone') }),
  }),
  build('restart', {
    plan: FULL_PLAN,
    isCounted: false,
    prepare: (node) => node.stage('step_script', NEVER),
    act: async (handle, node) => {
      await node.calls.when('runStage step_script');
      await node.kill();
      node.stage('step_script', { kind: 'succeeded' });
      await node.restart();
      await handle.signal(nodeRestartedSignal);
    },
  }),
  build('hold', {
    plan: { ...FULL_PLAN, preparation: [stage('get_sources')] },
    prepare: (node) => {
      node.stage('get_sources', SOURCES.promise);
      node.stage('step_script', { kind: 'script_failed', exitCode: 3 });
    },
    act: orderAll,
  }),
  build('merged-success', { plan: FULL_PLAN, isMerged: true }),
  build('last-cleanup', { plan: { ...FULL_PLAN, cleansUpLast: true }, isMerged: true }),
  build('merged-gone', {
    plan: FULL_PLAN,
    isMerged: true,
    prepare: (node) => node.behave({ acknowledgeJob: () => Promise.resolve('gone') }),
  }),
  build('merged-unanswered', {
    plan: FULL_PLAN,
    isMerged: true,
    prepare: (node) => node.behave({ beginBuild: () => Promise.resolve('unanswered') }),
  }),
  build('merged-abort', {
    plan: FULL_PLAN,
    isMerged: true,
    prepare: (node) => node.stage('step_script', NEVER),
    act: async (_handle, node) => {
      await node.calls.when('runStage step_script');
      node.answerTrace('aborted');
    },
  }),
  build('repeated-begin', {
    plan: FULL_PLAN,
    isMerged: true,
    prepare: (node) => node.behave({ prepareEnvironment: () => PULL.promise }),
    act: repeatBegin,
  }),
  { workflow: 'serveRunner', name: 'jobs', run: serveJobs },
  { workflow: 'serveRunner', name: 'questions', run: askInManyWays },
  { workflow: 'serveRunner', name: 'continue-as-new', run: continueRunner },
  { workflow: 'feedRunners', name: 'reload', run: reloadFleet },
  { workflow: 'feedRunners', name: 'refused', run: restRunner },
];

/**
 * Sends all operator commands: stops, a retry, and a hold of the containers that is extended. Also
 * lets the node tell what it waits for.
 */
async function orderAll(handle: BuildHandle, node: FakeNode): Promise<void> {
  const order = (input: unknown): Promise<string> =>
    handle.executeUpdate(holdUpdate, { args: [input] });
  await node.calls.when('runStage get_sources');
  await handle.signal(waitsSignal, [
    { key: 'gitlab', what: 'GitLab', status: 503, sinceMs: 1_000 },
  ]);
  await order({ failureOf: 'get_sources', by: 'alice' });
  await order({ before: 'step_script', time: '1h' });
  await order('1h');
  SOURCES.resolve({ kind: 'script_failed', exitCode: 1 });
  await whenWaiting(handle, /after a failure of get_sources$/);
  node.stage('get_sources', { kind: 'succeeded' });
  await handle.signal(retrySignal, undefined);
  await whenWaiting(handle, /held before step_script$/);
  await order({ before: 'step_script', time: '2h' });
  await handle.executeUpdate(releaseUpdate, { args: [{ by: 'alice' }] });
  await whenWaiting(handle, /the containers are kept$/);
  await order('2h');
  await handle.signal(releaseSignal, { by: 'alice' });
}

/** Lets the preparation fail after GitLab has accepted the job, and has it tried again. */
async function repeatBegin(handle: BuildHandle, node: FakeNode): Promise<void> {
  await node.calls.when('prepareEnvironment');
  await handle.executeUpdate(holdUpdate, { args: [{ failureOf: 'prepare_executor' }] });
  PULL.reject(ApplicationFailure.nonRetryable('no such image', 'ImagePull'));
  await whenWaiting(handle, /after a failure of prepare_executor$/);
  node.behave({ prepareEnvironment: () => Promise.resolve() });
  await handle.signal(retrySignal, undefined);
}

async function whenWaiting(handle: BuildHandle, text: RegExp): Promise<void> {
  while (!text.test((await handle.query(buildStatusQuery)).waitsFor ?? ''));
}

interface BuildCase {
  readonly plan: BuildPlan;
  readonly isCounted?: boolean;
  /** True: the node knows calls that do several steps at once. */
  readonly isMerged?: boolean;
  readonly prepare?: (node: FakeNode) => void;
  readonly act?: (handle: BuildHandle, node: FakeNode) => Promise<void>;
}

function build(name: string, options: BuildCase): Case {
  const { plan, isCounted = true, isMerged = false, prepare, act } = options;
  return {
    workflow: 'runBuild',
    name,
    run: async (world) => {
      const node = await world.startNode(uniqueName('node'));
      prepare?.(node);
      const job = isMerged ? jobOf(plan) : jobOfOldNode(plan);
      const handle = await startBuild(world, { node, job, input: { isCounted } });
      await act?.(handle, node);
      await outcomeOf(handle);
      return handle;
    },
  };
}

async function serveJobs(world: World): Promise<WorkflowHandle> {
  const name = uniqueName('runner');
  const gitlab = world.gitlab.runner(name);
  const node = await world.startNode(name);
  const script = defer<StageOutcome>();
  node.stage('step_script', script.promise);
  const feeding = { ...FED, limit: 2, requestConcurrency: 2 };
  const runner = await startRunner(world, name, feeding);
  for (let jobs = 0; jobs < 3; jobs += 1) {
    gitlab.answer({ kind: 'job', job: jobOf(PLAIN_PLAN), nodeQueue: node.queue });
  }
  await node.calls.when('runStage step_script', 2);
  script.resolve({ kind: 'succeeded' });
  await node.calls.when('releaseBuild', 3);
  await runner.signal(stopSignal);
  await runner.result();
  return runner;
}

async function askInManyWays(world: World): Promise<WorkflowHandle> {
  const name = uniqueName('runner');
  const gitlab = world.gitlab.runner(name);
  const runner = await startRunner(world, name);
  gitlab.answer({ kind: 'no_job' });
  gitlab.answer({ kind: 'forbidden', message: '403 Forbidden' });
  await gitlab.calls.when('ask', 3);
  await runner.signal(feedSignal, { feeding: { ...FED, isFed: false }, askAnew: false });
  await gitlab.calls.when('end');
  await runner.signal(feedSignal, { feeding: FED, askAnew: false });
  await gitlab.calls.when('ask', 4);
  await runner.signal(feedSignal, { feeding: FED, askAnew: true });
  await gitlab.calls.when('ask', 5);
  await gitlab.calls.when('end', 2);
  gitlab.fail();
  await gitlab.calls.when('ask', 6);
  await runner.signal(stopSignal);
  await runner.result();
  return runner;
}

async function continueRunner(world: World): Promise<WorkflowHandle> {
  const name = uniqueName('runner');
  const gitlab = world.gitlab.runner(name);
  const node = await world.startNode(name);
  const runner = await startRunner(world, name);
  const jobs = 12;
  for (let job = 1; job <= jobs; job += 1) {
    gitlab.answer({ kind: 'job', job: jobOf(PLAIN_PLAN), nodeQueue: node.queue });
    await node.calls.when('releaseBuild', job);
  }
  await untilState(runner, ({ buildIds }) => buildIds.length === 0);
  await runner.signal(stopSignal);
  await runner.result();
  return runner;
}

async function reloadFleet(world: World): Promise<WorkflowHandle> {
  const installation = uniqueName('installation');
  const names = [uniqueName('runner'), uniqueName('runner'), uniqueName('runner')];
  const [kept = '', removed = '', added = ''] = names;
  const asked = (name: string, times: number): Promise<void> =>
    world.gitlab.runner(name).calls.when('ask', times);
  const node = await world.startNode(installation);
  node.config(fleetOf(runnerSettings(kept), runnerSettings(removed)));
  const fleet = await startFleet(world, installation, node.queue);
  await asked(removed, 1);
  await fleet.signal(pauseRunnerSignal, kept);
  await world.gitlab.runner(kept).calls.when('end');
  await fleet.signal(resumeRunnerSignal, kept);
  await asked(kept, 2);
  node.config(fleetOf(runnerSettings(kept, { limit: 3 }), runnerSettings(added)));
  await fleet.signal(reloadConfigSignal, { configQueue: node.queue, hasRestarted: false });
  await asked(added, 1);
  await fleet.signal(reloadConfigSignal, { configQueue: node.queue, hasRestarted: true });
  await asked(added, 2);
  node.behave({ loadConfig: () => Promise.reject(new Error('broken TOML')) });
  await fleet.signal(reloadConfigSignal, { configQueue: node.queue, hasRestarted: false });
  await node.calls.when('loadConfig', 6);
  await fleet.signal(stopSignal);
  await fleet.result();
  return fleet;
}

async function restRunner(world: World): Promise<WorkflowHandle> {
  const installation = uniqueName('installation');
  const name = uniqueName('runner');
  const gitlab = world.gitlab.runner(name);
  const node = await world.startNode(installation);
  const rest = { unhealthyRequestsLimit: 2, unhealthyIntervalMs: 2_000 };
  node.config(fleetOf(runnerSettings(name, rest)));
  const fleet = await startFleet(world, installation, node.queue);
  for (let refusals = 0; refusals < 2; refusals += 1) {
    gitlab.answer({ kind: 'forbidden', message: '403 Forbidden' });
  }
  await gitlab.calls.when('ask', 3);
  gitlab.answer({ kind: 'no_job' });
  await gitlab.calls.when('ask', 4);
  await fleet.signal(stopSignal);
  await fleet.result();
  return fleet;
}
