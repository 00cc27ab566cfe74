import assert from 'node:assert/strict';
import type { BuildActivities, StageRequest } from '../../../src/activities/contract.ts';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import type { PlannedStage } from '../../../src/domain/context/stage.ts';
import { contextOf, type ContextChanges } from '../../domain/job/context-fixture.ts';
import { runActivity } from './drive.ts';
import { openProcess, type ProcessOptions } from './process.ts';
import { createWorld, type FakeContainer, type World } from './world.ts';

export const SCRIPT: PlannedStage = { name: 'step_script', place: 'build', attempts: 1 };
export const SOURCES: PlannedStage = { name: 'get_sources', place: 'helper', attempts: 1 };

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
