import { FailureType, FinalError } from '../../domain/failure.ts';
import { runsStageLoop } from '../../domain/executor/waiting-container.ts';
import { isAwaitingStage, parseStageState } from '../../domain/script/stage-state.ts';
import type { ContainerStatus, Ports } from '../../ports/index.ts';
import type { StageStart, StartedStage } from '../build/container-stage.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { FollowedLog } from './followed-log.ts';
import { START_LOST } from './stage-end.ts';

/** A container, and the text of its state file, read after the container's status. */
interface SeenContainer {
  readonly status: ContainerStatus;
  readonly state: string;
}

export function isAlive({ state }: Pick<ContainerStatus, 'state'>): boolean {
  return ['running', 'paused'].includes(state);
}

/** Whether a container waits for its next stage at this moment. */
export function isIdle({ status, state }: SeenContainer): boolean {
  return status.state === 'running' && runsStageLoop(status) && isAwaitingStage(state);
}

/**
 * Whether the stage of this start has begun in a container that runs the stage loop. Only the
 * state file tells that, whatever happened to the container. Throws when the stage has begun but
 * Docker has lost the start of its container.
 */
export function hasBegunWaiting({ status, state }: SeenContainer, start: StageStart): boolean {
  const begun = parseStageState(state, start.nonce);
  if (begun === undefined) return false;
  const isKnown = status.startedAt !== start.previousStartedAt && status.state !== 'created';
  if (isKnown || isAlive(status) || begun.exitCode !== undefined) return true;
  throw new FinalError(FailureType.RunnerSystem, START_LOST);
}

/** A stage in a container that may wait for it. */
interface WaitingStage extends StartedStage {
  /** True: the container runs the stage loop, and so runs on after each stage. */
  readonly waits: boolean;
  /** True: the container was started before its script was there, and waited for it. */
  readonly early: boolean;
  /** The container's own log; undefined when the stage leaves no marks in it. */
  readonly log?: FollowedLog | undefined;
}

interface EarlyStage {
  readonly nonce: string;
  readonly ports: Pick<Ports, 'builds'>;
}

/**
 * Whether the script of a container that was started early has begun. This also checks the output,
 * because a script may empty the state file and must not run a second time even then.
 */
export async function hasBegunEarly(
  { context }: LiveBuild,
  { nonce, ports: { builds } }: EarlyStage,
): Promise<boolean> {
  const state = await builds.readState(context.buildId, 'build');
  if (parseStageState(state, nonce) !== undefined) return true;
  return (await builds.readOutputEnd(context.buildId, 'build', 0)).endByte > 0;
}

/**
 * Wakes a container until the stage has begun. Several processes may do this, and the stage still
 * runs only once. A container whose runtime has its own kernel may not hear the bell. It is killed,
 * and at its next start it finds the turn. A container that was started early is replaced instead.
 */
export async function wake(
  build: LiveBuild,
  stage: WaitingStage,
  signal: AbortSignal,
): Promise<void> {
  const { container, engine, nonce, place, ports, waits, early } = stage;
  if (!waits && !early) return;
  const heard = await ports.builds.ringBell(build.context.buildId, place, { nonce, signal });
  if (early && heard === 'unheard' && (await hasBegunEarly(build, stage))) return;
  if (!signal.aborted) engine.noteBell(heard !== 'unheard');
  if (heard !== 'unheard') return;
  ports.log.warn('a container did not notice its next stage, and is restarted', {
    container,
  });
  await engine.stopContainer(container, 'kill');
}

const OVER = Symbol('over');

/** Resolves when the container has ended, or earlier if the stage is known to be over. */
export function waitForEnd(
  build: LiveBuild,
  stage: WaitingStage,
  unwanted: AbortSignal,
): Promise<ContainerStatus> {
  const { container, engine, waits, log } = stage;
  if (waits) return waitForStage(build, stage, unwanted);
  if (log === undefined) return engine.waitForExit(container, unwanted);
  return waitForMarks(build, { ...stage, log }, unwanted);
}

/**
 * Resolves when the container has ended, or when its last stage has succeeded and its whole output
 * was read. Docker reports the end of a container late, because it first takes the container down.
 * Later stages wait for that report: see `LiveBuild.ending`.
 */
async function waitForMarks(
  build: LiveBuild,
  stage: WaitingStage & { readonly log: FollowedLog },
  unwanted: AbortSignal,
): Promise<ContainerStatus> {
  const signal = AbortSignal.any([unwanted, build.released.signal]);
  const ended = stage.engine.waitForExit(stage.container, signal);
  const over = hasSucceeded(build, stage).then((isOver) => (isOver ? STAGE_IS_OVER : ended));
  const status = await Promise.race([ended, over]);
  if (status === STAGE_IS_OVER) {
    const clear = (): void => {
      build.ending = undefined;
    };
    build.ending = ended.then(clear, clear);
  }
  return status;
}

async function hasSucceeded(
  { context }: LiveBuild,
  { log, nonce, place, ports }: WaitingStage & { readonly log: FollowedLog },
): Promise<boolean> {
  if ((await log.ended) === undefined) return false;
  // The wrapper has written its record before the mark.
  const state = parseStageState(await ports.builds.readState(context.buildId, place), nonce);
  return state?.exitCode === 0 && state.copierExitCode === undefined;
}

/**
 * Resolves when the container has ended, or when the stage is over and the container waits again.
 */
async function waitForStage(
  { context }: LiveBuild,
  { container, engine, nonce, place, ports }: WaitingStage,
  unwanted: AbortSignal,
): Promise<ContainerStatus> {
  const over = new AbortController();
  const ended = new AbortController();
  const signal = AbortSignal.any([unwanted, ended.signal]);
  const looking = ports.builds.whenOver(context.buildId, place, { nonce, signal }).then(
    () => over.abort(OVER),
    (error: unknown) => over.abort(error),
  );
  try {
    return await engine.waitForExit(container, AbortSignal.any([unwanted, over.signal]));
  } catch (error) {
    if (unwanted.aborted || !over.signal.aborted) throw error;
    if (over.signal.reason !== OVER) throw over.signal.reason;
    return STAGE_IS_OVER;
  } finally {
    ended.abort();
    await looking;
  }
}

/** Stands for the status of a container whose stage is over. It looks like a successful end. */
const STAGE_IS_OVER: ContainerStatus = {
  id: '',
  state: 'running',
  exitCode: 0,
  oomKilled: false,
  startedAt: '',
  error: '',
  labels: {},
  opensStdin: false,
};
