import { ApplicationFailure, log, setHandler } from '@temporalio/workflow';
import {
  describeHold,
  describeCommand,
  describeHoldPoint,
  REPEATABLE_STAGES,
  MAX_HOLD_MS,
  parseHoldCommand,
  parseRelease,
  type HoldCommand,
} from '../../domain/build/hold.ts';
import { formatMoment } from '../../domain/build/stage-table.ts';
import { clearValue } from '../../domain/clear-text.ts';
import type { BuildOutcome } from '../../domain/context/outcome.ts';
import type { KeptContainers } from './kept-containers.ts';
import type { Notices } from './notices.ts';
import { badInput } from './odd-messages.ts';
import type { StageProgress } from './stage-progress.ts';
import * as messages from '../messages.ts';

/** People's commands to stop a build before a stage, and to keep its containers after the job. */
export interface Holds {
  /** Whether the build has to stop at this point: see `describeHoldPoint`. */
  hasCommandAt(point: string): boolean;
  /**
   * Stops the build here. Returns the time until which it waits at most, or undefined once it may
   * go on.
   */
  stopAt(point: string): number | undefined;
  /** Records that the build goes on, without a command of a person. */
  goOn(point: string): void;
  /** True: a person has asked to try the failed stage again. */
  readonly isRetried: boolean;
  /** Records that the stage is tried again. The build stops again if the stage fails. */
  takeRetry(): void;
  /**
   * Tells that the job has ended. Begins to keep the containers if a person wants that, and returns
   * whether they are kept.
   */
  jobEnded(outcome: BuildOutcome): boolean;
  /** Whether a person wants the containers to be kept after this end of the job. */
  isKeepWanted(outcome: BuildOutcome): boolean;
  /** Tells that the containers are being removed, so nothing can be held any more. */
  removalBegun(): void;
  /** Ends the hold of kept containers, as a cancel does. Commands for later holds stay. */
  letGo(): void;
  /** Until when the build is held now, at the latest; undefined while it is not. */
  readonly heldUntilMs: number | undefined;
  /** Returns why no command about the containers makes sense any more; undefined while one does. */
  endRefusal(): string | undefined;
  /** Tells people about a command, in the trace for as long as that is possible. */
  tell(text: string): void;
}

interface HoldScope {
  readonly kept: KeptContainers;
  readonly notices: Notices;
  readonly stages: StageProgress;
  /** Names of all stages of the build. */
  readonly stageNames: readonly string[];
  /** True: GitLab has ended the job. */
  isAborted(): boolean;
}

interface HoldState {
  phase: 'running' | 'held' | 'over';
  /** When the job ended, while the containers are kept. */
  endedMs: number;
  atEnd: HoldCommand | undefined;
  /** The points at which the build has to stop. */
  readonly points: Map<string, HoldCommand>;
  /** The point at which the build has stopped, and until when. */
  pause: { readonly point: string; readonly untilMs: number } | undefined;
  isRetried: boolean;
}

export function openHolds(scope: HoldScope): Holds {
  const state: HoldState = {
    ...{ phase: 'running', endedMs: 0, atEnd: undefined, pause: undefined, isRetried: false },
    points: new Map(),
  };
  handleHolds(state, scope);
  return {
    hasCommandAt: (point) => state.points.has(point),
    stopAt: (point) => stopAt(point, state),
    goOn: (point) => {
      state.pause = undefined;
      state.points.delete(point);
    },
    get isRetried() {
      return state.isRetried;
    },
    takeRetry: () => {
      state.isRetried = false;
      state.pause = undefined;
    },
    jobEnded: (outcome) => keepIfWanted(outcome, state, scope),
    isKeepWanted: (outcome) => wantedAtEnd(outcome, state) !== undefined,
    removalBegun: () => {
      state.phase = 'over';
    },
    letGo: () => scope.kept.letGo(),
    get heldUntilMs() {
      return state.pause?.untilMs ?? (state.phase === 'held' ? scope.kept.untilMs : undefined);
    },
    endRefusal: () => endRefusal(state, scope),
    tell: (text) => tell(text, { state, scope }),
  };
}

function endRefusal({ phase }: HoldState, { isAborted }: HoldScope): string | undefined {
  if (phase === 'over') return 'the containers of this build are removed already';
  return isAborted() ? 'GitLab has ended the job' : undefined;
}

function stopAt(point: string, state: HoldState): number | undefined {
  const command = state.points.get(point);
  if (command === undefined) return undefined;
  state.pause ??= { point, untilMs: Date.now() + command.forMs };
  return state.pause.untilMs;
}

function keepIfWanted(
  outcome: BuildOutcome,
  state: HoldState,
  { kept, notices }: HoldScope,
): boolean {
  state.endedMs = Date.now();
  const wanted = wantedAtEnd(outcome, state);
  if (wanted === undefined) return false;
  const untilMs = state.endedMs + wanted.forMs;
  state.phase = 'held';
  kept.keep(untilMs);
  notices.add(`The containers are kept until ${formatMoment(untilMs)}, or until \`release\``);
  return true;
}

/** Returns the command that keeps the containers after this end of the job, if there is one. */
function wantedAtEnd({ state }: BuildOutcome, { atEnd }: HoldState): HoldCommand | undefined {
  // A job that GitLab has ended, or has given to another runner, needs no containers any more.
  if (atEnd === undefined || state === 'aborted') return undefined;
  return atEnd.onFailure && state === 'success' ? undefined : atEnd;
}

/** Carries out a command that was not refused. Returns the answer to its sender. */
function takeCommand(command: HoldCommand, state: HoldState, scope: HoldScope): string {
  const { forMs } = command;
  if (forMs === 0) return withdraw(command, { state, scope });
  const nowMs = Date.now();
  tell(describeHold(command, nowMs), { state, scope });
  const point = describeHoldPoint(command);
  if (point !== undefined) {
    state.points.set(point, command);
    if (state.pause?.point === point) state.pause = { point, untilMs: nowMs + forMs };
    return `the build stops ${point}: \`release\` lets it go on, and the job's time-out goes on counting`;
  }
  if (state.phase === 'running') {
    state.atEnd = command;
    return 'the containers are kept after the job, until `release` at the latest';
  }
  const untilMs = Math.min(nowMs + forMs, state.endedMs + MAX_HOLD_MS);
  scope.kept.keep(untilMs);
  return `the containers are kept until ${formatMoment(untilMs)}`;
}

interface HoldParts {
  readonly state: HoldState;
  readonly scope: HoldScope;
}

/** Removes a hold. A person asks for this with a time of 0. */
function withdraw(command: HoldCommand, { state, scope }: HoldParts): string {
  const { by } = command;
  const point = describeHoldPoint(command);
  if (point === undefined || state.pause?.point === point) return release(by, { state, scope });
  state.points.delete(point);
  const what = `the build does not stop ${point}`;
  tell(describeCommand('Release', { what, by, atMs: Date.now() }), { state, scope });
  return what;
}

function release(by: string | undefined, { state, scope }: HoldParts): string {
  const what = releaseNow(state, scope) ?? 'nothing is held';
  tell(describeCommand('Release', { what, by, atMs: Date.now() }), { state, scope });
  return what;
}

/**
 * Tells people about a command: in the trace while the job runs, and in the node's log after that,
 * because GitLab then has the whole trace.
 */
function tell(text: string, { state, scope }: HoldParts): void {
  if (state.phase === 'running') scope.notices.add(text);
  else log.info('command after the job has ended', { command: text });
}

/**
 * Ends the current hold, or removes the commands for later ones. Returns what it has done;
 * undefined when there was none.
 */
function releaseNow(state: HoldState, { kept }: HoldScope): string | undefined {
  if (state.pause !== undefined) {
    const { point } = state.pause;
    state.points.delete(point);
    state.pause = undefined;
    return `the build goes on, it was held ${point}`;
  }
  if (state.phase === 'held') {
    kept.letGo();
    return 'the containers are removed';
  }
  if (!hasCommand(state)) return undefined;
  state.points.clear();
  state.atEnd = undefined;
  return 'the build is not held';
}

function hasCommand({ points, atEnd }: HoldState): boolean {
  return points.size > 0 || atEnd !== undefined;
}

/** Returns why a command makes no sense now; undefined when it does. */
function refusalOf(command: HoldCommand, state: HoldState, scope: HoldScope): string | undefined {
  const refusal = endRefusal(state, scope);
  if (refusal !== undefined) return refusal;
  if (command.forMs === 0) return isHeld(state) ? undefined : 'nothing of this build is held';
  return placeRefusal(command, state, scope);
}

function placeRefusal(
  command: HoldCommand,
  state: HoldState,
  scope: HoldScope,
): string | undefined {
  const { before, failureOf } = command;
  const stage = before ?? failureOf;
  if (stage === undefined) return undefined;
  const toCome = state.phase === 'running' ? stagesToCome(command, scope) : [];
  if (toCome.includes(stage)) return undefined;
  const what = failureOf === undefined ? '' : ' that can be tried again';
  const names = toCome.length === 0 ? 'none' : toCome.join(', ');
  return `no stage ${JSON.stringify(stage.slice(0, 40))}${what} is to come, but: ${names}`;
}

/** Returns the stages before which, or after whose failure, the build can still stop. */
function stagesToCome(
  { failureOf }: HoldCommand,
  { stageNames, stages: { rows } }: HoldScope,
): readonly string[] {
  const begun = new Set(rows.map(({ name }) => name));
  if (failureOf === undefined) return stageNames.filter((name) => !begun.has(name));
  // A stage that runs, or is about to be tried again, can still fail.
  const last = rows.at(-1);
  if (last !== undefined && last.end !== 'succeeded') begun.delete(last.name);
  return stageNames.filter((name) => !begun.has(name) && REPEATABLE_STAGES.includes(name));
}

/** Returns why nothing can be tried again now; undefined when something can. */
function retryRefusal({ pause, points }: HoldState): string | undefined {
  const failed = pause && points.get(pause.point)?.failureOf;
  return failed === undefined ? 'the build is not held after a failed stage' : undefined;
}

function retry(by: string | undefined, { state, scope }: HoldParts): string {
  state.isRetried = true;
  const what = 'the stage that has failed is tried again';
  scope.notices.add(describeCommand('Retry', { by, what, atMs: Date.now() }));
  return what;
}

function isHeld(state: HoldState): boolean {
  return state.pause !== undefined || state.phase === 'held' || hasCommand(state);
}

const HOLD =
  'Keeps the containers after the job, for 1 h unless a time is given, or stops before a stage. ' +
  'Input: none, a time such as "30m", or {"time": "30m", "onFailure": true, "before": "get_sources"}, ' +
  'or {"failureOf": "get_sources"}.';
const RELEASE = 'Ends the current hold of the build, or else removes the later ones. No input.';

const RETRY = 'Tries the failed stage again that the build is held after. No input.';

/**
 * Accepts the commands as signals and as updates. The log tells which signals make no sense; an
 * update refuses such a command with the reason.
 */
function handleHolds(state: HoldState, scope: HoldScope): void {
  const read = (input: unknown): HoldCommand => {
    const command = parseHoldCommand(input);
    const refusal = 'refusal' in command ? command.refusal : refusalOf(command, state, scope);
    if ('refusal' in command || refusal !== undefined) throw badInput(refusal ?? '');
    return command;
  };
  const requireHeld = (): void => {
    if (state.phase === 'over' || !isHeld(state)) throw badInput('nothing of this build is held');
  };
  const hold = (input: unknown): string => takeCommand(read(input), state, scope);
  const letGo = (input: unknown): string => {
    const by = readPerson(input);
    requireHeld();
    return release(by, { state, scope });
  };
  const requireFailed = (): void => {
    const refusal = retryRefusal(state);
    if (refusal !== undefined) throw badInput(refusal);
  };
  const again = (input: unknown): string => {
    const by = readPerson(input);
    requireFailed();
    return retry(by, { state, scope });
  };
  setHandler(messages.retrySignal, (input) => ifValid('retry', () => again(input)), {
    description: RETRY,
  });
  setHandler(messages.retryUpdate, (input) => clearValue(again(input)), {
    description: RETRY,
    validator: (input) => {
      readPerson(input);
      requireFailed();
    },
  });
  setHandler(messages.holdSignal, (input) => ifValid('hold', () => hold(input)), {
    description: HOLD,
  });
  setHandler(messages.releaseSignal, (input) => ifValid('release', () => letGo(input)), {
    description: RELEASE,
  });
  setHandler(messages.holdUpdate, (input) => clearValue(hold(input)), {
    description: HOLD,
    validator: (input) => void read(input),
  });
  setHandler(messages.releaseUpdate, (input) => clearValue(letGo(input)), {
    description: RELEASE,
    validator: (input) => {
      readPerson(input);
      requireHeld();
    },
  });
}

/** Reads who gives a command that takes no other input. */
function readPerson(input: unknown): string | undefined {
  const command = parseRelease(input);
  if ('refusal' in command) throw badInput(command.refusal);
  return command.by;
}

function ifValid(command: string, work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof ApplicationFailure)) throw error;
    log.warn(`${command} makes no sense, ignored`, { reason: error.message });
  }
}
