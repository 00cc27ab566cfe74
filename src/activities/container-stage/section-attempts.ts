import type { StageOutcome } from '../../domain/context/outcome.ts';
import { ContainerGone, type FinalError } from '../../domain/failure.ts';
import { formatRunnerLine, type RunnerLineLevel } from '../../domain/trace/sections.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import type { ContainerStage } from '../build/container-stage.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { defineCounter } from '../build/note.ts';
import { runInContainer } from './stage-container.ts';

/**
 * Runs a stage, and runs it again in a new container when its own vanishes, as often as the job's
 * EXECUTOR_JOB_SECTION_ATTEMPTS allows (default: once). Source: gitlab-runner
 * `executors/docker/docker_command.go` (runContainer).
 */
export async function runWithAttempts(
  build: LiveBuild,
  stage: ContainerStage,
): Promise<StageOutcome> {
  const { buildId } = build.context;
  const variables = buildVariables(build.context, { jobStatus: stage.request.jobStatus });
  const limit = variables.attempts('EXECUTOR_JOB_SECTION_ATTEMPTS');
  const note = defineCounter(`vanished ${stage.key}`);
  for (let vanished = await note.read(buildId, stage.ports); ;) {
    // Each try has its own start note, because an earlier one is about another container.
    const key = vanished === 0 ? stage.key : `${stage.key}/${vanished}`;
    try {
      return await runInContainer(build, { ...stage, key });
    } catch (error) {
      const isWanted = limit > 1 && build.stage?.stopReason === undefined;
      if (!(error instanceof ContainerGone) || !isWanted) throw error;
      vanished += 1;
      await printVanished(build, { ...stage, key }, { isLast: vanished >= limit, error });
      await note.increment(buildId, stage.ports);
    }
  }
}

interface LostContainer {
  readonly isLast: boolean;
  readonly error: FinalError;
}

async function printVanished(
  { trace }: LiveBuild,
  { key, container, request }: ContainerStage,
  { isLast, error }: LostContainer,
): Promise<void> {
  const print = (name: string, level: RunnerLineLevel, text: string): Promise<void> =>
    trace.appendOnce(`${key}/${name}`, formatRunnerLine(level, text));
  await print('vanished', 'error', `Container "${container}" not found or removed. Will retry...`);
  if (isLast) {
    await print('exceeded', 'error', 'Execution attempts exceeded');
    throw error;
  }
  await print('again', 'info', `Retrying ${request.stage.name}`);
}
