import { ContainerGone, FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { finishVariables } from '../../domain/variables/exported-variables.ts';
import { buildVariables } from '../../domain/variables/variables.ts';
import { stdinLoader } from '../../domain/script/stage-command.ts';
import { isAlive } from '../../domain/executor/container-state.ts';
import { judgeEarlyStart } from '../../domain/executor/early-start.ts';
import { awaitsScriptAtStart, runsStageLoop } from '../../domain/executor/waiting-container.ts';
import { formatStageScript } from '../../domain/script/stage-script.ts';
import {
  HAD_SCRIPT,
  startNote,
  stdinNote,
  type ContainerStage,
  type ContainerStagePorts,
  type FilledStdin,
  type StageStart,
  type StartedStage,
} from '../build/container-stage.ts';
import {
  planFor,
  recreateContainer,
  reviveServices,
  type EnvironmentOptions,
  type ReplacedContainer,
} from '../environment/containers.ts';
import { readServices } from '../environment/services.ts';
import { earlierOrNow } from '../build/earlier.ts';
import type { NotePorts } from '../build/note.ts';
import { findOwner } from '../environment/file-owner.ts';
import { CREATE_CONTAINERS, type LiveBuild } from '../build/live-builds.ts';
import type { ContainerStatus } from '../../ports/index.ts';
import { assertLease } from '../build/lease.ts';
import { assertSameBoot } from './same-boot.ts';
import { hasBegunEarly, hasBegunWaiting, isIdle, type SeenContainer } from './waiting-stage.ts';

/** When Docker has refused to start a container for this long, the refusal is final. */
const START_PATIENCE_MS = 5 * 60_000;

interface OpenedContainer extends SeenContainer {
  /** Set when the stage was begun before. */
  readonly start: StageStart | undefined;
  readonly stdin: FilledStdin | undefined;
  /** True: the container was started early, and waits for the script of this stage. */
  readonly isEarly?: boolean;
}

/**
 * Starts the container for this stage, unless any process has already done so. Returns undefined
 * when the stage was told to stop before it began.
 */
export async function startOnce(
  build: LiveBuild,
  stage: ContainerStage,
): Promise<StageStart | undefined> {
  const { container, engine, ports } = stage;
  const opened = await openUnlessStopped(build, stage);
  if (opened === undefined) return undefined;
  const { status } = opened;
  if (opened.start !== undefined && hasStarted(opened, opened.start)) {
    ports.metrics.stageReattached(build.context);
    return opened.start;
  }
  assertNoLostStart({ ...stage, opened });
  // The container still runs an earlier stage that could not be stopped in time.
  if (!isReady(opened) && isAlive(status)) await engine.stopContainer(container, 'kill');

  const start = opened.start ?? (await noteStart(build, { ...stage, opened }));
  await writeScript(build, { ...stage, start });
  await assertLease(build, ports);
  if (build.stage?.stopReason !== undefined) return undefined;
  await handOver(build, { ...stage, start, opened });
  return start;
}

/** Returns undefined when the stage was told to stop while its container was created again. */
async function openUnlessStopped(
  build: LiveBuild,
  stage: ContainerStage,
): Promise<OpenedContainer | undefined> {
  try {
    return await openContainer(build, stage);
  } catch (error) {
    if (!(error instanceof RecreationStopped)) throw error;
    // Losing the lease also stops the stage.
    await assertLease(build, stage.ports);
    return undefined;
  }
}

class RecreationStopped extends Error {}

interface OpenedStage extends ContainerStage {
  readonly opened: OpenedContainer;
}

/**
 * Throws when a restart of the machine may have lost the start of this stage. A container that is
 * alive has lost nothing, and the helper's scripts are the runner's own, which may run twice.
 */
function assertNoLostStart({ place, ports, opened: { start, status } }: OpenedStage): void {
  if (start === undefined || place === 'helper' || isAlive(status)) return;
  assertSameBoot(start, ports);
}

/** Whether the container runs already, and waits for the script of this stage. */
function isReady(opened: OpenedContainer): boolean {
  return isIdle(opened) || opened.isEarly === true;
}

/**
 * Tells a container that waits, or will wait at its start, which stage is next. Starts any container
 * that does not run yet.
 */
async function handOver(build: LiveBuild, stage: OpenedStage & StartedStage): Promise<void> {
  const { start, opened, place, ports } = stage;
  if (opened.status.opensStdin) {
    const isSure = opened.stdin?.isSure ?? opened.start === undefined;
    await fillStdin(build, stage, isSure);
  }
  const { buildId } = build.context;
  const awaitsScript = awaitsScriptAtStart(opened.status);
  // A process may have died between the two notes.
  if (awaitsScript) await noteScript(buildId, ports);
  if (awaitsScript || start.waits === true) {
    await ports.builds.writeNextStage(buildId, place, start.nonce);
  }
  if (!isReady(opened)) await startContainer(stage);
}

/** Invariant: the note is written before the next-stage file, which is empty without the note. */
async function noteScript(buildId: string, ports: NotePorts): Promise<void> {
  if (!(await HAD_SCRIPT.isSet(buildId, ports))) await HAD_SCRIPT.set(buildId, ports);
}

/** Whether this stage was begun. The caller then only has to wait for its end. */
function hasStarted(opened: OpenedContainer, start: StageStart): boolean {
  if (opened.isEarly === true) return false;
  return runsStageLoop(opened.status)
    ? hasBegunWaiting(opened, start)
    : opened.status.startedAt !== start.previousStartedAt;
}

/**
 * Returns the existing container, or a new one when somebody removed it between two stages. A
 * container whose stage has begun cannot be replaced, because nobody knows how far the stage came.
 */
async function openContainer(build: LiveBuild, stage: ContainerStage): Promise<OpenedContainer> {
  const { key, place, ports, container, engine } = stage;
  const { buildId } = build.context;
  const stdin = await stdinNote(key).read(buildId, ports);
  const start = await startNote(key).read(buildId, ports);
  // The status of a container that is just starting or ending is of no use, so wait first.
  if (place === 'build') await Promise.all([build.early?.started, build.ending]);
  const status = await engine.inspectContainer(container);
  const state = await ports.builds.readState(buildId, place);
  if (start === undefined) {
    if (status === undefined) return { status: await recreate(build, stage), start, stdin, state };
    return openForFirst(build, { ...stage, opened: { status, start, stdin, state } });
  }
  if (stdin === undefined && isStdinLost({ ...stage, start, status })) {
    const replaced = await replaceSpoilt(build, { ...stage, start, status });
    return { status: replaced, start: undefined, stdin, state };
  }
  if (start.early === true) {
    return { ...(await openHandedOver(build, { ...stage, start, status })), stdin, state };
  }
  if (status?.id !== start.containerId) throw new ContainerGone(container);
  return { status, start, stdin, state };
}

/**
 * Opens the container for a stage that was not begun. A job's container may have been started early:
 * see `judgeEarlyStart`. One in which nothing has run is replaced if services were started again.
 */
async function openForFirst(
  build: LiveBuild,
  { opened, ...stage }: OpenedStage,
): Promise<OpenedContainer> {
  const { status, state: stateText } = opened;
  if (!awaitsScriptAtStart(status)) {
    const isStale = status.state === 'created' && (await revive(build, stage, status));
    return isStale ? { ...opened, status: await replaceUnused(build, stage) } : opened;
  }
  const { ports, request } = stage;
  const { early } = build;
  const hadScript = await HAD_SCRIPT.isSet(build.context.buildId, ports);
  const isStale = !hadScript && !isAlive(status) && (await revive(build, stage, status));
  const verdict = judgeEarlyStart({
    ...{ hadScript, container: status, stateText },
    known: early && { ...early, answer: await early.started },
    stage: { name: request.stage.name, attempt: request.attempt },
  });
  if (!isStale && verdict !== 'replace') return { ...opened, isEarly: verdict === 'hand_over' };
  return { ...opened, status: await replaceUnused(build, stage) };
}

/**
 * Starts services again that a restart of Docker has ended. Returns whether it did, so that the
 * job's container must be replaced.
 */
async function revive(
  build: LiveBuild,
  { place, ports }: ContainerStage,
  status: ContainerStatus,
): Promise<boolean> {
  if (place !== 'build' || (await readServices(build, ports)).length === 0) return false;
  let isRevived = false;
  await creating(build, ports, async (options) => {
    isRevived = await reviveServices(build, status, options);
  });
  return isRevived;
}

/** A stage that an earlier call was about to start, and its container as it is now. */
interface BegunStage extends StartedStage {
  readonly status: ContainerStatus | undefined;
}

/**
 * Opens a container that an earlier call gave its script while the container waited. If the script
 * has not begun, a running container gets the script again, because it begins a script only once.
 * A container that does not run is replaced.
 */
async function openHandedOver(
  build: LiveBuild,
  stage: BegunStage,
): Promise<Pick<OpenedContainer, 'status' | 'start' | 'isEarly'>> {
  const { start, status } = stage;
  const isSame = status?.id === start.containerId;
  // The record is read after the status, so the record of an ended container is complete.
  if (await hasBegunEarly(build, stage)) {
    if (!isSame) throw new ContainerGone(stage.container);
    return { status, start };
  }
  if (isSame && isAlive(status)) return { status, start, isEarly: true };
  assertSameBoot(start, stage.ports);
  if (isSame) {
    await revive(build, stage, status);
    return { status: await replaceUnused(build, stage), start: undefined };
  }
  // Another process may have died right after it replaced the container.
  return { status: status ?? (await recreate(build, stage)), start: undefined };
}

/** Replaces a container in which no script has run. */
async function replaceUnused(build: LiveBuild, stage: ContainerStage): Promise<ContainerStatus> {
  await removeUnused(build, stage);
  return recreate(build, stage, { image: build.early?.image });
}

/** Removes a container in which no script has run, so its own volumes hold nothing of the job. */
async function removeUnused(
  { context }: LiveBuild,
  { container, engine }: ContainerStage,
): Promise<void> {
  const { volumeKeep } = context.runner.docker;
  await engine.removeContainer(container, { keepsVolumes: volumeKeep });
}

/**
 * Replaces a container that cannot be used any more, unless an earlier process has done so and died
 * right afterwards.
 */
async function replaceSpoilt(build: LiveBuild, stage: BegunStage): Promise<ContainerStatus> {
  const { start, status } = stage;
  if (status !== undefined && status.id !== start.containerId) return status;
  await removeUnused(build, stage);
  return recreate(build, stage);
}

/**
 * Whether a process died while it wrote the container's stdin, which may now be closed without
 * content: there is no note about it. The container was not started by then, so it can be created
 * again without loss.
 */
function isStdinLost({ start, status }: BegunStage): boolean {
  if (start.opensStdin !== true) return false;
  return status?.id !== start.containerId || status.state === 'created';
}

async function recreate(
  build: LiveBuild,
  { place, ports, container, engine }: ContainerStage,
  replaced?: ReplacedContainer,
): Promise<ContainerStatus> {
  await creating(build, ports, (options) =>
    recreateContainer(build, place, { ...options, replaced }),
  );
  const status = await engine.inspectContainer(container);
  if (status === undefined) throw new ContainerGone(container);
  return status;
}

/** Does work that creates containers. Throws RecreationStopped when the stage is told to stop. */
async function creating(
  build: LiveBuild,
  ports: ContainerStagePorts,
  work: (options: EnvironmentOptions) => Promise<void>,
): Promise<void> {
  const plan = planFor(build, ports);
  // Pulling an image may take long.
  const signal = build.stage?.stopping.signal ?? new AbortController().signal;
  try {
    await build.joined(CREATE_CONTAINERS, () => work({ plan, ports, signal }));
  } catch (error) {
    throw signal.aborted ? new RecreationStopped('the stage was stopped', { cause: error }) : error;
  }
}

/** Notes the start, so that it is recognised even when Docker's answer is lost. */
async function noteStart(
  build: LiveBuild,
  { key, ports, opened }: OpenedStage,
): Promise<StageStart> {
  const { status } = opened;
  const start: StageStart = {
    nonce: ports.randomness.hex(16),
    containerId: status.id,
    previousStartedAt: isReady(opened) ? '' : status.startedAt,
    sinceMs: ports.clock.monotonicMs(),
    ...(ports.clock.boot !== undefined && { boot: ports.clock.boot }),
    opensStdin: status.opensStdin,
    ...(runsStageLoop(status) && { waits: true as const }),
    ...(opened.isEarly === true && { early: true as const }),
    ...(awaitsScriptAtStart(status) && { marks: true as const }),
  };
  const { buildId } = build.context;
  await Promise.all([
    startNote(key).write(buildId, start, ports),
    awaitsScriptAtStart(status) ? noteScript(buildId, ports) : undefined,
  ]);
  return start;
}

/**
 * Writes the container's stdin. Invariant: the note is written after the stdin, and the container
 * is started after the note.
 */
async function fillStdin(
  build: LiveBuild,
  { key, container, engine, ports }: ContainerStage,
  isSure: boolean,
): Promise<void> {
  await engine.fillStdin(container, new TextEncoder().encode(stdinLoader()));
  const { builds } = ports;
  await stdinNote(key).write(build.context.buildId, { isSure }, { builds });
}

async function startContainer({
  container,
  engine,
  ports,
  start: { sinceMs },
}: StartedStage): Promise<void> {
  try {
    await engine.startContainer(container);
  } catch (error) {
    const isOver =
      ports.clock.monotonicMs() - earlierOrNow(sinceMs, ports.clock) > START_PATIENCE_MS;
    if (!isOver || !(error instanceof TransientError)) throw error;
    throw new FinalError(FailureType.RunnerSystem, error.message, { cause: error });
  }
}

/** Gives the stage its script. Repeating this has the same result. */
async function writeScript(
  build: LiveBuild,
  { request, place, ports, start }: StartedStage,
): Promise<void> {
  const { context } = build;
  const stage = request.stage.name;
  const { nonce, marks: marksLog } = start;
  // The clean-up after a job must not depend on anything that the job has written.
  const variablesOf = stage === 'cleanup_file_variables' ? buildVariables : finishVariables;
  const variables = variablesOf(context, { jobStatus: request.jobStatus });
  const owner = stage === 'get_sources' ? await findOwner(build, { variables, ports }) : undefined;
  const parts = { stage, attempt: request.attempt, nonce, marksLog, owner };
  const text = formatStageScript({ context, variables, ...parts });
  await ports.builds.writeScript(context.buildId, place, { text, nonce });
}
