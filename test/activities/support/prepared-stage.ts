import assert from 'node:assert/strict';
import type { BuildActivities, StageRequest } from '../../../src/activities/contract.ts';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import type { PlannedStage, StageName } from '../../../src/domain/context/stage.ts';
import type { ContainerEngine } from '../../../src/ports/index.ts';
import { contextOf, type ContextChanges } from '../../domain/job/context-fixture.ts';
import { runActivity } from './drive.ts';
import { openProcess, type ProcessOptions } from './process.ts';
import { createWorld, type FakeContainer, type World, type WorldOptions } from './world.ts';

export const SCRIPT = inJob('step_script');
export const AFTER_SCRIPT = inJob('after_script');
export const SOURCES: PlannedStage = { name: 'get_sources', place: 'helper', attempts: 1 };

/** A job with a script for each of its stages. */
export const WITH_AFTER_SCRIPT: ContextChanges = {
  job: { steps: ['script', 'after_script'].map((name) => ({ name, script: ['make'] })) },
};

export interface Setting {
  readonly world: World;
  readonly node: BuildActivities;
  readonly build: { readonly buildId: string };
  readonly run: (stage?: PlannedStage) => Promise<StageOutcome>;
}

interface PreparedOptions extends ProcessOptions {
  readonly changes?: ContextChanges;
  /** The entrypoint of the job's image. */
  readonly entrypoint?: readonly string[];
}

/** A build with an environment. */
export async function prepared(
  scripts: World['scripts'],
  { changes = {}, entrypoint = [], ...options }: PreparedOptions = {},
): Promise<Setting> {
  const context = contextOf(changes);
  const world = createWorld(context, { scripts, entrypoint });
  const { node } = openProcess(world, options).activities;
  const build = { buildId: context.buildId };
  await runActivity(() => node.prepareEnvironment(build));
  const run = runStageOn(node, build);
  return { world, node, build, run: (stage = SCRIPT) => run(stage) };
}

/** A build with an environment, on a node whose process may be replaced. */
export interface TwoProcesses extends Omit<Setting, 'run'> {
  readonly run: (stage: PlannedStage) => Promise<StageOutcome>;
  /** Runs the stage in another process, which has only the disk and Docker. */
  readonly again: (stage: PlannedStage) => Promise<StageOutcome>;
}

export interface TwoProcessesOptions extends WorldOptions {
  readonly changes?: ContextChanges;
  readonly engine?: (world: World) => Partial<ContainerEngine>;
}

export async function preparedForTwo({
  changes,
  engine,
  ...options
}: TwoProcessesOptions = {}): Promise<TwoProcesses> {
  const context = contextOf(changes);
  const world = createWorld(context, options);
  const { node } = openProcess(world, { engine: engine?.(world) ?? {} }).activities;
  const build = { buildId: context.buildId };
  await runActivity(() => node.prepareEnvironment(build));
  const another = openProcess(world).activities.node;
  return { world, node, build, run: runStageOn(node, build), again: runStageOn(another, build) };
}

/** Returns a function that runs a stage of the build on this node for the first time. */
export function runStageOn(
  node: BuildActivities,
  build: Setting['build'],
): (stage: PlannedStage) => Promise<StageOutcome> {
  return (stage) => {
    const request: StageRequest = { stage, attempt: 1, jobStatus: 'running' };
    return runActivity(() => node.runStage(build, request));
  };
}

export function buildContainer(world: World): FakeContainer {
  return containerNamed(world, '-build');
}

export function helperContainer(world: World): FakeContainer {
  return containerNamed(world, '-predefined');
}

function containerNamed({ docker }: World, ending: string): FakeContainer {
  const found = [...docker.containers.values()].find(({ spec }) => spec.name.endsWith(ending));
  assert.ok(found !== undefined);
  return found;
}

function inJob(name: StageName): PlannedStage {
  return { name, place: 'build', attempts: 1 };
}
