import { FailureType, FinalError } from '../../domain/failure.ts';
import { isAlive } from '../../domain/executor/container-state.ts';
import { runsStageLoop } from '../../domain/executor/waiting-container.ts';
import { isAwaitingStage, parseStageState } from '../../domain/script/stage-state.ts';
import type { ContainerStatus } from '../../ports/index.ts';
import type { StageStart, StartedStage } from '../build/container-stage.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { FollowedLog } from './followed-log.ts';
import { START_LOST } from './stage-end.ts';

/** What is seen of a container. */
export interface SeenContainer {
  readonly status: ContainerStatus;
  /** Text of the state file, read after the status. */
  readonly state: string;
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

/** A stage, with its container's own log while that is followed for the stage's marks. */
export interface FollowedStage extends StartedStage {
  readonly log?: FollowedLog | undefined;
}

/**
 * Whether the script of a container that was started early has begun. This also checks the output,
 * because a script may empty the state file and must not run a second time even then.
 */
export async function hasBegunEarly(
  { context }: LiveBuild,
  { start, ports: { builds } }: StartedStage,
): Promise<boolean> {
  const state = await builds.readState(context.buildId, 'build');
  if (parseStageState(state, start.nonce) !== undefined) return true;
  return (await builds.readOutputEnd(context.buildId, 'build', 0)).endByte > 0;
}

/**
 * Wakes a container until the stage has begun. Several processes may do this, and the stage still
 * runs only once. A container whose runtime has its own kernel may not notice the wake-up pipe. It is
 * killed, and at its next start it finds its stage in the next-stage file. A container that was
 * started early is replaced instead.
 */
export async function wake(
  build: LiveBuild,
  stage: StartedStage,
  signal: AbortSignal,
): Promise<void> {
  const { container, engine, place, ports } = stage;
  const { nonce, waits, early } = stage.start;
  if (waits !== true && early !== true) return;
  const answer = await ports.builds.wakeContainer(build.context.buildId, place, { nonce, signal });
  if (early === true && answer === 'unnoticed' && (await hasBegunEarly(build, stage))) return;
  if (!signal.aborted) engine.reportPipe(answer !== 'unnoticed');
  if (answer !== 'unnoticed') return;
  ports.log.warn('a container did not notice its next stage, and is restarted', {
    container,
  });
  await engine.stopContainer(container, 'kill');
}

const OVER = Symbol('over');

/**
 * How the wait for a stage ended. `over`: the stage has succeeded, and its container may still run.
 */
export type StageEnd =
  | { readonly kind: 'over' }
  | { readonly kind: 'exited'; readonly status: ContainerStatus };

const STAGE_IS_OVER: StageEnd = { kind: 'over' };

/** Resolves when the container has ended, or earlier if the stage is known to be over. */
export function waitForEnd(
  build: LiveBuild,
  stage: FollowedStage,
  unwanted: AbortSignal,
): Promise<StageEnd> {
  const { log, start } = stage;
  if (start.waits === true) return waitForStage(build, stage, unwanted);
  if (log === undefined) return waitForExit(stage, unwanted);
  return waitForMarks(build, { ...stage, log }, unwanted);
}

async function waitForExit(
  { container, engine }: StartedStage,
  signal: AbortSignal,
): Promise<StageEnd> {
  return { kind: 'exited', status: await engine.waitForExit(container, signal) };
}

/**
 * Resolves when the container has ended, or when its last stage has succeeded and its whole output
 * was read. Docker reports the end of a container late, because it first takes the container down.
 * Later stages wait for that report: see `LiveBuild.ending`.
 */
async function waitForMarks(
  build: LiveBuild,
  stage: StartedStage & { readonly log: FollowedLog },
  unwanted: AbortSignal,
): Promise<StageEnd> {
  const signal = AbortSignal.any([unwanted, build.released.signal]);
  const ended = waitForExit(stage, signal);
  const over = hasSucceeded(build, stage).then((isOver) => (isOver ? STAGE_IS_OVER : ended));
  const end = await Promise.race([ended, over]);
  if (end.kind === 'over') {
    const clear = (): void => {
      build.ending = undefined;
    };
    build.ending = ended.then(clear, clear);
  }
  return end;
}

async function hasSucceeded(
  { context }: LiveBuild,
  { log, start, place, ports }: StartedStage & { readonly log: FollowedLog },
): Promise<boolean> {
  if ((await log.ended) === undefined) return false;
  // The wrapper has written its record before the mark.
  const state = parseStageState(await ports.builds.readState(context.buildId, place), start.nonce);
  return state?.exitCode === 0 && state.copierExitCode === undefined;
}

/**
 * Resolves when the container has ended, or when the stage is over and the container waits again.
 */
async function waitForStage(
  { context }: LiveBuild,
  stage: StartedStage,
  unwanted: AbortSignal,
): Promise<StageEnd> {
  const { place, ports, start } = stage;
  const over = new AbortController();
  const ended = new AbortController();
  const signal = AbortSignal.any([unwanted, ended.signal]);
  const looking = ports.builds
    .whenOver(context.buildId, place, { nonce: start.nonce, signal })
    .then(
      () => over.abort(OVER),
      (error: unknown) => over.abort(error),
    );
  try {
    return await waitForExit(stage, AbortSignal.any([unwanted, over.signal]));
  } catch (error) {
    if (unwanted.aborted || !over.signal.aborted) throw error;
    if (over.signal.reason !== OVER) throw over.signal.reason;
    return STAGE_IS_OVER;
  } finally {
    ended.abort();
    await looking;
  }
}
