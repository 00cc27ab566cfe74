import { systemFailure, type StageOutcome } from '../../domain/context/outcome.ts';
import { parseStageState } from '../../domain/script/stage-state.ts';
import type { ContainerStage, StartedStage } from '../build/container-stage.ts';
import { takeEntrypointLog, type TakenLog } from './entrypoint-log.ts';
import { followLog } from './followed-log.ts';
import { giveUpForFullDisk, isDiskFull } from '../build/full-disk.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { together } from '../build/together.ts';
import { endedWaiting, judgeEnd, judgeOver, type EndedStage } from './stage-end.ts';
import { startOnce } from './stage-start.ts';
import {
  hasBegunEarly,
  waitForEnd,
  wake,
  type FollowedStage,
  type StageEnd,
} from './waiting-stage.ts';

/**
 * Pause between readings of a container's log. It is short at first, while people wait for the log.
 */
const FIRST_READING_MS = 500;
const MAX_READING_MS = 4_000;
/** Most starts of a container that ends before its stage begins, because it would end again. */
export const MAX_STARTS = 3;

/**
 * Runs a stage in its container, or continues one that an earlier call started. Invariant: a
 * container is started for a stage at most once, whatever dies meanwhile.
 */
export async function runInContainer(
  build: LiveBuild,
  stage: ContainerStage,
): Promise<StageOutcome> {
  for (let starts = 1; ; starts += 1) {
    const outcome = await runOnce(build, { ...stage, isLast: starts === MAX_STARTS });
    if (outcome !== 'not_begun') return outcome;
  }
}

/**
 * Runs the stage in its container. `not_begun`: the container was ended from outside before the
 * stage began, and can be started again.
 */
async function runOnce(
  build: LiveBuild,
  stage: ContainerStage & { readonly isLast: boolean },
): Promise<StageOutcome | 'not_begun'> {
  const { place, ports, isLast } = stage;
  const { context } = build;
  if (build.diskFault !== undefined) return systemFailure(build.diskFault);
  const start = await startOnce(build, stage);
  if (start === undefined) return { kind: 'stopped' };
  const started: StartedStage = { ...stage, start };
  let end: StageEnd;
  try {
    end = await waitWithOutput(build, started);
  } catch (error) {
    return await outcomeOfFault(build, started, error);
  }
  const loss = await build.noticeLoss();
  if (loss !== undefined) return systemFailure(loss);
  const state = parseStageState(await ports.builds.readState(context.buildId, place), start.nonce);
  if (end.kind === 'over') return judgeOver(build, { ...started, state });
  const ended = { ...started, status: end.status, state };
  if (!isLast && (await hasEndedWaiting(build, ended))) return 'not_begun';
  return judgeEnd(build, ended);
}

/** Whether something outside ended the container while it waited for its stage. */
async function hasEndedWaiting(
  build: LiveBuild,
  stage: StartedStage & EndedStage,
): Promise<boolean> {
  const { place, status, state, start } = stage;
  const waits =
    start.waits === true || (start.early === true && !(await hasBegunEarly(build, stage)));
  return endedWaiting(build, { place, status, state, waits });
}

/**
 * Returns the outcome when the node's files of the build are lost, or the disk is full. Throws any
 * other fault again.
 */
async function outcomeOfFault(
  build: LiveBuild,
  stage: StartedStage,
  error: unknown,
): Promise<StageOutcome> {
  const { container, engine } = stage;
  if (build.filesLost.signal.aborted) await engine.stopContainer(container, 'kill');
  const loss = await build.noticeLoss();
  if (loss !== undefined) return systemFailure(loss);
  if (!isDiskFull(error) || !(error instanceof Error)) throw error;
  await engine.stopContainer(container, 'kill');
  return giveUpForFullDisk(build, { ...stage, message: error.message });
}

/** Returns when the stage has ended and all its output is in the trace. */
async function waitWithOutput(build: LiveBuild, started: StartedStage): Promise<StageEnd> {
  const ended = new AbortController();
  const log = started.start.marks === true ? followLog(started, ended.signal) : undefined;
  const stage = { ...started, log };
  const isOutputLost = new AbortController();
  const following = followOutput(build, stage, ended.signal).catch((error: unknown) => {
    isOutputLost.abort(error);
    throw error;
  });
  // The failure is handled below. This line only keeps it from counting as unhandled.
  following.catch(() => undefined);
  try {
    const unwanted = AbortSignal.any([isOutputLost.signal, build.filesLost.signal]);
    const end = await waitForEnd(build, stage, unwanted);
    ended.abort();
    await following;
    return end;
  } catch (error) {
    throw isOutputLost.signal.aborted ? isOutputLost.signal.reason : error;
  } finally {
    ended.abort();
    // Nothing may still read when the next call starts. A vanished container also has no log, but
    // the fault of the wait is the one to report.
    await following.catch(() => undefined);
  }
}

/**
 * First copies what an entrypoint prints to Docker's own log, then the stage's output from its
 * file. The wrapper's record marks the border: after it, all output of the script is in the file.
 */
async function followOutput(
  build: LiveBuild,
  stage: FollowedStage,
  ended: AbortSignal,
): Promise<void> {
  const { place, ports, start, log } = stage;
  const { nonce } = start;
  const { buildId } = build.context;
  const taken: TakenLog = { untilByte: 0 };
  const reading = { ...stage, hasMarks: start.marks === true, taken };
  const begun = new AbortController();
  await together(ended, [
    (signal) =>
      ports.builds.whenBegun(buildId, place, { nonce, signal }).finally(() => begun.abort()),
    (signal) => followEntrypoint(build, reading, AbortSignal.any([signal, begun.signal])),
    (signal) => wake(build, stage, AbortSignal.any([signal, begun.signal])),
  ]);
  // A short stage may be over before its beginning is noticed. The output of its entrypoint must
  // come first nevertheless.
  if (!ended.aborted || start.opensStdin === true) {
    await takeEntrypointLog(build, { ...reading, isComplete: false, followed: log?.begun });
  }
  const { output } = await ports.builds.stageFiles(buildId, place);
  await together(ended, [
    (signal) => build.trace.followFile(place, output, signal),
    (signal) => followEntrypoint(build, reading, signal),
  ]);
  // Copies what the entrypoint printed after the stage, and what Docker had not logged before.
  await takeEntrypointLog(build, { ...reading, isComplete: true, followed: log?.ended });
}

/**
 * Shows the output of an entrypoint while it runs: before the script, and during the script from
 * processes that it has started. A later reading copies whatever this one misses or cannot read
 * because of a transient fault.
 */
async function followEntrypoint(
  build: LiveBuild,
  stage: StartedStage & { readonly taken: TakenLog },
  signal: AbortSignal,
): Promise<void> {
  if (stage.start.opensStdin !== true) return;
  const { clock, log } = stage.ports;
  for (let pauseMs = FIRST_READING_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_READING_MS)) {
    await clock.sleep(pauseMs, signal).catch(() => undefined);
    if (signal.aborted || build.trace.isOverLimit) return;
    try {
      await takeEntrypointLog(build, { ...stage, isComplete: false, hasMarks: false });
    } catch (error) {
      log.debug('cannot read the log of a container now', { container: stage.container, error });
    }
  }
}
