import type { StageOutcome } from '../domain/build/outcome.ts';
import { parseStageState } from '../domain/script/stage-state.ts';
import { planFor } from './containers.ts';
import type { ContainerStage, StartedStage } from './container-stage.ts';
import { takeEntrypointLog } from './entrypoint-log.ts';
import { giveUpForFullDisk, isDiskFull, outcomeOfFullDisk } from './full-disk.ts';
import type { LiveBuild } from './live-builds.ts';
import { outcomeOfLoss } from './lost-files.ts';
import type { ContainerStatus } from './ports.ts';
import { judgeEnd } from './stage-end.ts';
import { startOnce } from './stage-start.ts';

/**
 * Runs a stage in its container, or goes on with one that a call before has started.
 * Invariant: a container is started for a stage at most once, whatever dies meanwhile.
 */
export async function runInContainer(
  build: LiveBuild,
  stage: ContainerStage,
): Promise<StageOutcome> {
  const { place, ports } = stage;
  const { context } = build;
  if (build.diskFault !== undefined) return outcomeOfFullDisk(build.diskFault);
  const engine = ports.engine(context.runner);
  const plan = await planFor(build, ports);
  const container = plan.containerNames[place];
  const start = await startOnce(build, { ...stage, container, engine });
  if (start === undefined) return { kind: 'stopped' };
  const { nonce, containerId } = start;
  const started = { ...stage, container, engine, nonce, containerId };
  let status: ContainerStatus;
  try {
    status = await waitWithOutput(build, started);
  } catch (error) {
    if (build.filesLost.signal.aborted) await engine.stopContainer(container, 'kill');
    const loss = await build.noticeLoss();
    if (loss !== undefined) return outcomeOfLoss(loss);
    if (!isDiskFull(error) || !(error instanceof Error)) throw error;
    await engine.stopContainer(container, 'kill');
    return giveUpForFullDisk(build, { ...stage, message: error.message });
  }
  const loss = await build.noticeLoss();
  if (loss !== undefined) return outcomeOfLoss(loss);
  const state = parseStageState(await ports.builds.readState(context.buildId, place), nonce);
  return judgeEnd(build, { ...started, status, state });
}

/** Returns when the container has ended and all that it has said is in the trace. */
async function waitWithOutput(build: LiveBuild, stage: StartedStage): Promise<ContainerStatus> {
  const ended = new AbortController();
  const isOutputLost = new AbortController();
  const following = followOutput(build, stage, ended.signal).catch((error: unknown) => {
    isOutputLost.abort(error);
    throw error;
  });
  // Told below; here it only must not count as unhandled.
  following.catch(() => undefined);
  try {
    const unwanted = AbortSignal.any([isOutputLost.signal, build.filesLost.signal]);
    const status = await stage.engine.waitForExit(stage.container, unwanted);
    ended.abort();
    await following;
    return status;
  } catch (error) {
    throw isOutputLost.signal.aborted ? isOutputLost.signal.reason : error;
  } finally {
    ended.abort();
    // Nothing may go on reading behind the back of the call that comes next. What a vanished
    // container has no log for is not why it vanished: the fault of the wait is the one to tell.
    await following.catch(() => undefined);
  }
}

/**
 * First what an entrypoint said to Docker's own log, then the stage's output from its file. The
 * wrapper marks the border: once it has begun, all goes into the file.
 */
async function followOutput(
  build: LiveBuild,
  stage: StartedStage,
  ended: AbortSignal,
): Promise<void> {
  const { place, ports, nonce } = stage;
  const { buildId } = build.context;
  await ports.builds.whenBegun(buildId, place, { nonce, signal: ended });
  if (!ended.aborted) await takeEntrypointLog(build, { ...stage, isComplete: false });
  const { output } = await ports.builds.stageFiles(buildId, place);
  await build.trace.followFile(place, output, ended);
  // What an entrypoint says after the stage, and what Docker had not written down in time.
  await takeEntrypointLog(build, { ...stage, isComplete: true });
}
