import type { StageOutcome } from '../domain/build/outcome.ts';
import { ContainerGone, FailureType, FinalError, TransientError } from '../domain/failure.ts';
import { finishVariables } from '../domain/job/exported-variables.ts';
import { buildVariables, type Variables } from '../domain/job/variables.ts';
import { formatStageScript } from '../domain/script/stage-script.ts';
import { parseStageState } from '../domain/script/stage-state.ts';
import { ensureContainers, planFor } from './containers.ts';
import {
  readStart,
  writeStart,
  type ContainerStage,
  type StageStart,
  type StartedStage,
} from './container-stage.ts';
import { earlierOrNow } from './earlier.ts';
import { findOwner } from './file-owner.ts';
import { takeEntrypointLog } from './entrypoint-log.ts';
import { giveUpForFullDisk, isDiskFull, outcomeOfFullDisk } from './full-disk.ts';
import { MAKING, type LiveBuild } from './live-builds.ts';
import { outcomeOfLoss } from './lost-files.ts';
import type { ArchiveEntry, ContainerEngine, ContainerStatus } from './ports.ts';
import { judgeEnd } from './stage-end.ts';
import { assertTenure } from './tenure.ts';

/** A container that Docker refuses to start for so long will not start any more. */
const START_PATIENCE_MS = 5 * 60_000;

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
  const opened = await openContainer(build, { ...stage, container, engine });
  const nonce = await startOnce(build, { ...stage, container, engine, opened });
  if (nonce === undefined) return { kind: 'stopped' };
  const started = { ...stage, container, engine, nonce, containerId: opened.status.id };
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

interface PlacedStage extends ContainerStage {
  readonly container: string;
  readonly engine: ContainerEngine;
}

interface OpenedContainer {
  readonly status: ContainerStatus;
  /** Set when the stage was begun before. */
  readonly start: StageStart | undefined;
}

/**
 * The container as it is; made anew when somebody has tidied it away between two stages. After its
 * stage was begun that is not possible any more: nobody knows how far it came.
 */
async function openContainer(build: LiveBuild, stage: PlacedStage): Promise<OpenedContainer> {
  const { key, place, ports, container, engine } = stage;
  const { buildId } = build.context;
  const start = await readStart(buildId, key, ports);
  let status = await engine.inspectContainer(container);
  if (status === undefined && start === undefined) {
    const plan = await planFor(build, ports);
    const { signal } = new AbortController();
    await build.joined(MAKING, () =>
      ensureContainers(build, { plan, places: [place], withServices: false, ports, signal }),
    );
    status = await engine.inspectContainer(container);
  }
  const isOther = start !== undefined && status?.id !== start.containerId;
  if (status === undefined || isOther) throw containerGone(container);
  return { status, start };
}

interface StartableStage extends PlacedStage {
  readonly opened: OpenedContainer;
}

/**
 * Starts the container for this stage, unless that was done before, by whatever process. Returns the
 * nonce of its wrapper; undefined when the stage was told to stop before it was begun.
 */
async function startOnce(build: LiveBuild, stage: StartableStage): Promise<string | undefined> {
  const { container, engine, opened, ports } = stage;
  const { status } = opened;
  if (opened.start !== undefined && status.startedAt !== opened.start.previousStartedAt) {
    return opened.start.nonce;
  }
  // Left over from a stage that could not be stopped in time.
  if (['running', 'paused'].includes(status.state)) await engine.stopContainer(container, 'kill');

  const start = opened.start ?? (await noteStart(build, stage));
  await fillContainer(build, { ...stage, nonce: start.nonce, containerId: status.id });
  await assertTenure(build, ports);
  if (build.stage?.stopReason !== undefined) return undefined;
  await startContainer(stage, start);
  return start.nonce;
}

/** From here on a start that nobody heard of is recognised. */
async function noteStart(
  build: LiveBuild,
  { key, ports, opened: { status } }: StartableStage,
): Promise<StageStart> {
  const start = {
    nonce: ports.randomness.hex(16),
    containerId: status.id,
    previousStartedAt: status.startedAt,
    sinceMs: ports.clock.monotonicMs(),
  };
  await writeStart(build.context.buildId, key, { start, builds: ports.builds });
  return start;
}

async function startContainer(
  { container, engine, ports }: PlacedStage,
  { sinceMs }: StageStart,
): Promise<void> {
  try {
    await engine.startContainer(container);
  } catch (error) {
    const isOver =
      ports.clock.monotonicMs() - earlierOrNow(sinceMs, ports.clock) > START_PATIENCE_MS;
    if (!isOver || !(error instanceof TransientError)) throw error;
    throw new FinalError(FailureType.RunnerSystem, error.message, { cause: error });
  }
}

/** Hands the stage its script and file variables. The same each time that it is done. */
async function fillContainer(build: LiveBuild, stage: StartedStage): Promise<void> {
  const { request, place, ports, container, engine, nonce } = stage;
  const { context } = build;
  const { name } = request.stage;
  const isCleanup = name === 'cleanup_file_variables';
  // What cleans up behind the job's back goes by nothing that the job has written.
  const variablesOf = isCleanup ? buildVariables : finishVariables;
  const variables = variablesOf(context, { jobStatus: request.jobStatus });
  const files = isCleanup ? [] : fileEntries(variables);
  if (files.length > 0) await engine.putArchive(container, '/', files);
  const owner = name === 'get_sources' ? await findOwner(build, { variables, ports }) : undefined;
  const script = formatStageScript({ context, variables, stage: name, nonce, owner });
  await ports.builds.writeScript(context.buildId, place, script);
}

function fileEntries(variables: Variables): readonly ArchiveEntry[] {
  const encoder = new TextEncoder();
  const files = variables.files();
  if (files.length === 0) return [];
  return [
    { path: variables.tempDir, type: 'directory', mode: 0o777 },
    ...files.map(
      ({ path, content }) =>
        ({ path, type: 'file', mode: 0o666, content: encoder.encode(content) }) as const,
    ),
  ];
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

function containerGone(container: string): ContainerGone {
  return new ContainerGone(
    `container ${container} is gone: somebody or something removed it while the job ran`,
  );
}
