import type { StageOutcome } from '../domain/build/outcome.ts';
import { containerNamesOf } from '../domain/executor/environment.ts';
import { FinalError } from '../domain/failure.ts';
import { stageTitle } from '../domain/script/titles.ts';
import {
  formatRunnerLine,
  formatSectionEnd,
  formatSectionStart,
} from '../domain/trace/sections.ts';
import type { BuildActivities, StageRequest, StopRequest } from './contract.ts';
import { withHeartbeat } from './heartbeat.ts';
import type { LiveBuild, LiveBuilds, RunningStage } from './live-builds.ts';
import type { Ports } from './ports.ts';
import { runInRunner } from './runner-stage.ts';
import { runInContainer } from './stage-container.ts';

type StageActivities = Pick<BuildActivities, 'runStage' | 'stopStage'>;

export function createStageActivities(ports: Ports, live: LiveBuilds): StageActivities {
  return {
    runStage: ({ buildId }, request) =>
      withHeartbeat(async () => {
        const build = await live.open(buildId);
        const key = stageKey(request);
        return build.joined(key, () => runStage(build, { key, request, ports }));
      }),

    stopStage: ({ buildId }, request) =>
      withHeartbeat(async () => {
        const build = await live.find(buildId);
        if (build !== undefined) await stop(build, request, ports);
      }),
  };
}

/** Name of one try of a stage in the build's notes. */
function stageKey({ stage, attempt }: StageRequest): string {
  return `${stage.name}#${attempt}`;
}

interface StageRun {
  readonly key: string;
  readonly request: StageRequest;
  readonly ports: Ports;
}

async function runStage(build: LiveBuild, run: StageRun): Promise<StageOutcome> {
  const { context, trace } = build;
  const { key, request, ports } = run;
  const note = `outcome ${key}`;
  const known = await ports.builds.readNote(context.buildId, note);
  // Written below, by this release or an earlier one.
  if (known !== undefined) return known as StageOutcome;

  const { name } = request.stage;
  const hasSections = context.job.features.trace_sections;
  const start = formatSectionStart(name, ports.clock.nowMs(), hasSections);
  await trace.appendOnce(`${key}/start`, start + stageTitle(name));
  const outcome = await outcomeOf(build, run);
  await trace.endStreams();
  await trace.appendOnce(`${key}/end`, formatSectionEnd(name, ports.clock.nowMs(), hasSections));
  await trace.checkpoint();
  // Nothing was run: done again, it says nothing twice and ends the same.
  if (request.stage.place === 'runner') return outcome;
  await ports.builds.writeNote(context.buildId, note, outcome);
  return outcome;
}

/** A final fault ends the stage; one that passes is thrown, and the stage's next call goes on. */
async function outcomeOf(build: LiveBuild, run: StageRun): Promise<StageOutcome> {
  const { key, request, ports } = run;
  const { place } = request.stage;
  const running: RunningStage = { key, stopReason: undefined };
  build.stage = running;
  try {
    return place === 'runner'
      ? await runInRunner(build, request)
      : await runInContainer(build, { key, request, place, ports });
  } catch (error) {
    if (!(error instanceof FinalError)) throw error;
    return { kind: 'system_failed', type: error.type, message: error.message };
  } finally {
    if (build.stage === running) build.stage = undefined;
  }
}

/**
 * The workflow repeats it until the stage has ended: a container may be about to start just now.
 */
async function stop(build: LiveBuild, request: StopRequest, ports: Ports): Promise<void> {
  const { context, trace, stage } = build;
  build.preparation.abort();
  if (stage !== undefined) {
    stage.stopReason = request.reason;
    const line = formatRunnerLine('warning', `The stage is stopped: ${request.reason}`);
    await trace.appendOnce(`${stage.key}/stop`, line);
  }
  const engine = ports.engine(context.runner);
  const { build: job, helper } = containerNamesOf(context);
  for (const container of [job, helper]) {
    const status = await engine.inspectContainer(container);
    const isAlive = status !== undefined && ['running', 'paused'].includes(status.state);
    if (isAlive) await engine.stopContainer(container, request.how);
  }
}
