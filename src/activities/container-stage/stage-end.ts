import { systemFailure, type StageOutcome } from '../../domain/context/outcome.ts';
import { KILLED_EXIT_CODES, LOST_EXIT_CODE } from '../../domain/executor/container-state.ts';
import type { ContainerPlace } from '../../domain/executor/environment.ts';
import {
  BEGUN_BEFORE,
  CANNOT_BEGIN,
  COPIER_AT_LIMIT,
  COPIER_STALLED,
  type StageState,
} from '../../domain/script/stage-state.ts';
import { formatRunnerLine } from '../../domain/trace/sections.ts';
import { stdinNote } from '../build/container-stage.ts';
import { giveUpForFullDisk } from '../build/full-disk.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { ContainerStatus, Ports } from '../../ports/index.ts';

export interface EndedStage {
  readonly key: string;
  readonly place: ContainerPlace;
  readonly ports: Pick<Ports, 'builds'>;
  readonly status: ContainerStatus;
  /** The wrapper's record; undefined when the stage did not even begin. */
  readonly state: StageState | undefined;
}

/** Printed when a stage had begun and Docker has lost the container in which the stage ran. */
export const START_LOST =
  'Docker was restarted just as the stage began, and lost its container; ' +
  'the stage is not run a second time';
/**
 * Exit codes of processes that a signal has ended begin here. The processes themselves choose lower
 * ones.
 */
const FIRST_SIGNAL_EXIT_CODE = 128;
const SIGKILL_EXIT_CODE = 137;

/**
 * Returns the outcome of a stage whose container has ended. Prints a line in the trace where the
 * exit code does not explain it.
 */
export async function judgeEnd(build: LiveBuild, ended: EndedStage): Promise<StageOutcome> {
  const { key, state } = ended;
  const cut = await judgeFiles(build, ended);
  if (cut !== undefined) return cut;
  const exitCode = exitCodeOf(ended);
  if (exitCode === 0 && state?.exitCode === 0) return { kind: 'succeeded' };
  if (build.stage?.stopReason !== undefined) return { kind: 'stopped' };
  const fault = faultFromOutside(ended) ?? (await faultOfStdin(build, ended));
  if (fault !== undefined) return fault;
  await printWhy(build, key, explain(build, ended));
  return exitCode === 0 ? { kind: 'succeeded' } : { kind: 'script_failed', exitCode };
}

const RECORD_DESTROYED = formatRunnerLine(
  'error',
  'A process that the script has left running has destroyed the record of its result',
);

/**
 * Returns the outcome of a stage that has succeeded, although its container may still run. What the
 * job has left running may have destroyed the record since.
 */
export async function judgeOver(
  build: LiveBuild,
  ended: Omit<EndedStage, 'status'>,
): Promise<StageOutcome> {
  const cut = await judgeCopier(build, ended);
  if (cut !== undefined) return cut;
  const exitCode = ended.state?.exitCode ?? 1;
  if (exitCode === 0) return { kind: 'succeeded' };
  if (build.stage?.stopReason !== undefined) return { kind: 'stopped' };
  if (ended.state === undefined) await printWhy(build, ended.key, RECORD_DESTROYED);
  return { kind: 'script_failed', exitCode };
}

/**
 * Returns the exit code that counts. In a job's container it is the entrypoint's, unless Docker has
 * lost it. Elsewhere it is the script's own, and a 0 from Docker alone is no success, because the
 * script did not reach its end. Source: gitlab-runner `executors/docker/internal/exec/docker.go`
 * (Exec).
 */
function exitCodeOf(ended: EndedStage): number {
  const { status, state } = ended;
  if (hasLastWord(ended)) return status.exitCode;
  return state?.exitCode ?? (status.exitCode === 0 ? 1 : status.exitCode);
}

function hasLastWord({ place, status, state }: EndedStage): boolean {
  const isLost = status.exitCode === LOST_EXIT_CODE && state?.exitCode !== undefined;
  return place === 'build' && status.opensStdin && !isLost;
}

/** Checks whether the disk could store the output of the stage. */
function judgeFiles(build: LiveBuild, ended: EndedStage): Promise<StageOutcome | undefined> {
  const { state, status } = ended;
  const hasNoBegin = state === undefined && status.exitCode === CANNOT_BEGIN;
  return hasNoBegin ? judgeNoBegin(build, ended) : judgeCopier(build, ended);
}

/**
 * Checks whether all output was copied. Output that was not copied does not matter when the trace
 * has reached its limit.
 */
async function judgeCopier(
  build: LiveBuild,
  { key, place, ports, state }: Omit<EndedStage, 'status'>,
): Promise<StageOutcome | undefined> {
  const exitCode = state?.copierExitCode;
  if (exitCode === undefined || build.trace.isOverLimit) return undefined;
  const { output } = await ports.builds.stageFiles(build.context.buildId, place);
  if (exitCode < FIRST_SIGNAL_EXIT_CODE) {
    const message = `cannot write ${output}: no space left, or the disk fails; a part of the log is lost`;
    return giveUpForFullDisk(build, { place, ports, message });
  }
  const line = formatRunnerLine('warning', `A part of this log is missing: ${whyCut(exitCode)}`);
  await build.trace.appendOnce(`${key}/cut`, line);
  return undefined;
}

function whyCut(copierExitCode: number): string {
  if (copierExitCode === COPIER_AT_LIMIT) {
    return 'the script wrote more than may wait while the runner did not read it';
  }
  return copierExitCode === COPIER_STALLED
    ? 'the disk of the runner did not take the output for a minute'
    : 'a process that copies the output was killed by the script';
}

/** Returns the outcome of a script that did not run, and so did not fail. */
async function judgeNoBegin(
  build: LiveBuild,
  { key, place, ports }: EndedStage,
): Promise<StageOutcome> {
  const { state } = await ports.builds.stageFiles(build.context.buildId, place);
  const message = `cannot write ${state}: no space left, or the disk fails; the stage ${key} was not begun`;
  return giveUpForFullDisk(build, { place, ports, message });
}

async function printWhy(
  { trace }: LiveBuild,
  key: string,
  line: string | undefined,
): Promise<void> {
  if (line !== undefined) await trace.appendOnce(`${key}/why`, line);
}

/** Returns undefined when the exit code explains the end. */
function explain(build: LiveBuild, ended: EndedStage): string | undefined {
  const { status, state } = ended;
  if (status.oomKilled) return formatRunnerLine('error', outOfMemory(build));
  const hint = perhapsOutOfMemory(build, ended);
  if (hint !== undefined) return formatRunnerLine('warning', hint);
  const { exitCode } = status;
  const level = exitCode === 0 && hasLastWord(ended) ? 'warning' : 'error';
  if (state === undefined) return formatRunnerLine(level, neverBegun(status));
  if (!hasLastWord(ended) || state.exitCode === exitCode) return undefined;
  const text =
    state.exitCode === undefined
      ? `The container ended with exit code ${exitCode} before the script came to its end: its entrypoint has the last word`
      : `The script ended with exit code ${state.exitCode} and the container with ${exitCode}: its entrypoint has the last word`;
  return formatRunnerLine('warning', text);
}

/**
 * Returns a fault when the entrypoint may have got nothing to run: its success is then not the
 * job's.
 */
async function faultOfStdin(
  { context }: LiveBuild,
  { key, ports, state, status }: EndedStage,
): Promise<StageOutcome | undefined> {
  if (state !== undefined || !status.opensStdin) return undefined;
  const stdin = await stdinNote(key).read(context.buildId, ports);
  if (stdin?.isSure === true) return undefined;
  return systemFailure(
    'the runner was killed just as it handed the script to the container, ' +
      'which ended without running it; the stage is not run a second time',
  );
}

function outOfMemory({ context }: LiveBuild): string {
  const { memoryBytes } = context.runner.docker;
  const limit =
    memoryBytes === undefined
      ? 'it has no limit of its own: the node ran out of memory'
      : `its limit is ${inMib(memoryBytes)} MiB`;
  return `OOM killed: the container used up its memory, and the kernel killed a process of it (${limit})`;
}

/**
 * Explains an exit code that may mean exhausted memory, because Podman does not always report it.
 */
function perhapsOutOfMemory({ context }: LiveBuild, { state }: EndedStage): string | undefined {
  const { memoryBytes } = context.runner.docker;
  if (state?.exitCode !== SIGKILL_EXIT_CODE || memoryBytes === undefined) return undefined;
  return (
    `Exit code ${SIGKILL_EXIT_CODE}: a process was killed. It may have used up the memory of its ` +
    `container, which is limited to ${inMib(memoryBytes)} MiB: not every engine tells`
  );
}

function inMib(bytes: number): number {
  return Math.round(bytes / 1024 / 1024);
}

/**
 * Whether a process of the container may have killed the script. No process can kill the first one
 * of its own container, and the script is that one unless an init program or an entrypoint runs it.
 * The helper's scripts are the runner's own.
 */
function isKillable({ place, state }: Pick<EndedStage, 'place' | 'state'>): boolean {
  return place === 'build' && state?.pid !== undefined && state.pid !== 1;
}

/** Returns a fault when something outside the job has ended the container. */
function faultFromOutside({
  place,
  status,
  state,
}: Pick<EndedStage, 'place' | 'status' | 'state'>): StageOutcome | undefined {
  if (state?.exitCode !== undefined || status.oomKilled) return undefined;
  const { exitCode } = status;
  if (exitCode === BEGUN_BEFORE && state !== undefined) {
    return systemFailure(START_LOST);
  }
  if (exitCode === LOST_EXIT_CODE) {
    return systemFailure('Docker was restarted while the stage ran, which ended its container');
  }
  if (!KILLED_EXIT_CODES.has(exitCode) || isKillable({ place, state })) return undefined;
  return systemFailure(
    `the container was killed from outside of the job (exit code ${exitCode}): ` +
      'somebody stopped it, Docker was restarted, or the node ran out of memory',
  );
}

/** Whether something outside ended the container before any part of its stage had run. */
export function endedWaiting(
  build: LiveBuild,
  { waits, ...ended }: Pick<EndedStage, 'place' | 'status' | 'state'> & { readonly waits: boolean },
): boolean {
  const isWanted = build.stage?.stopReason === undefined;
  return waits && isWanted && ended.state === undefined && faultFromOutside(ended) !== undefined;
}

function neverBegun({ exitCode, error }: ContainerStatus): string {
  const words = error === '' ? '' : ` Docker says: ${error}.`;
  return (
    `The container ended with exit code ${exitCode} without running the script.${words} ` +
    "The image's entrypoint has to run the command that it is given, or a shell that reads its " +
    "stdin; `entrypoint: ['']` under `image` does without it."
  );
}
