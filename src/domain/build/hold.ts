import type { BuildPlan } from '../context/stage.ts';
import { isObject } from '../is-object.ts';
import { isNoInput } from '../no-input.ts';
import { formatGoDuration, parseGoDuration } from '../job/go-duration.ts';
import { formatMoment } from './stage-table.ts';

/** A person's command to keep a build's containers after its job, or to stop it at a stage. */
export interface HoldCommand {
  /** How long to hold, at most {@link MAX_HOLD_MS}. 0 ends a hold. */
  readonly forMs: number;
  /** True: the containers are kept only when the job fails. */
  readonly onFailure: boolean;
  /**
   * The stage before which the build stops. Without it and `failureOf`, the containers are kept
   * after the job.
   */
  readonly before: string | undefined;
  /** The stage after whose failure the build stops, so that a person can try it again. */
  readonly failureOf: string | undefined;
  /** The name of the person, as the command tells it; undefined when it is not known. */
  readonly by: string | undefined;
}

/** The time of a hold without a given time, in milliseconds. */
export const USUAL_HOLD_MS = 3_600_000;
/** The longest hold, in milliseconds: a working day. */
export const MAX_HOLD_MS = 8 * 3_600_000;

const PERSON = /^[\w.@+-][\w.@+ -]{0,62}$/;
const HOLD_KEYS = ['time', 'onFailure', 'before', 'failureOf', 'by'];
const SHAPE =
  'the input is a time such as "30m", or {"time": "30m", "onFailure": true, "before": "get_sources"}';

/** A command that makes no sense, with the reason in words. */
export interface Refusal {
  readonly refusal: string;
}

/** Reads the input of the command `hold`: nothing, a time, or an object. */
export function parseHoldCommand(input: unknown): HoldCommand | Refusal {
  const command = readInput(input);
  if (command === undefined) return { refusal: SHAPE };
  const { time, onFailure, before, failureOf, by } = command;
  const forMs = time === undefined ? USUAL_HOLD_MS : parseGoDuration(time);
  if (forMs === undefined || forMs < 0) return { refusal: `a time is written as "30m": ${SHAPE}` };
  if (forMs > MAX_HOLD_MS) {
    return { refusal: `a hold lasts at most ${formatGoDuration(MAX_HOLD_MS)}` };
  }
  if (before !== undefined && failureOf !== undefined) return { refusal: SHAPE };
  return { forMs, onFailure: onFailure === true, before, failureOf, by: parsePerson(by) };
}

interface HoldInput {
  readonly time: string | undefined;
  readonly onFailure: boolean | undefined;
  readonly before: string | undefined;
  readonly failureOf: string | undefined;
  readonly by: unknown;
}

function readInput(input: unknown): HoldInput | undefined {
  const command = isNoInput(input) ? {} : typeof input === 'string' ? { time: input } : input;
  if (!isObject(command) || !hasOnly(command, HOLD_KEYS)) return undefined;
  const { time, onFailure, before, failureOf, by } = command;
  if (!isOptionalText(time) || !isOptionalText(before) || !isOptionalText(failureOf)) {
    return undefined;
  }
  if (onFailure !== undefined && typeof onFailure !== 'boolean') return undefined;
  return { time, onFailure, before, failureOf, by };
}

/** Whether the input has only known keys. An unknown key is most likely a typing error. */
function hasOnly(input: Readonly<Record<string, unknown>>, keys: readonly string[]): boolean {
  return Object.keys(input).every((key) => keys.includes(key));
}

/** Reads the input of the commands `release` and `retry`: nothing, or the person who gives it. */
export function parseRelease(input: unknown): Pick<HoldCommand, 'by'> | Refusal {
  if (isNoInput(input)) return { by: undefined };
  if (!isObject(input) || !hasOnly(input, ['by'])) return { refusal: 'it takes no input' };
  return { by: parsePerson(input['by']) };
}

/** Reads the name of a person; undefined for anything else. */
function parsePerson(by: unknown): string | undefined {
  return typeof by === 'string' && PERSON.test(by) ? by : undefined;
}

/** A person's shell, as the command that opens it tells the build. */
export interface ShellCommand {
  /** Who opens it; undefined when it is not known. */
  readonly by: string | undefined;
  /** Name of the container that it is in; undefined when it is not known. */
  readonly container: string | undefined;
  /** False: the container has to be started for it. */
  readonly isRunning: boolean;
}

const CONTAINER = /^[\w.-]{1,200}$/;

/** Reads the input of the command `shell`. Anything that is malformed counts as absent. */
export function parseShellCommand(input: unknown): ShellCommand {
  const { by, container, isRunning } = isObject(input) ? input : {};
  return {
    by: parsePerson(by),
    container: typeof container === 'string' && CONTAINER.test(container) ? container : undefined,
    isRunning: isRunning === true,
  };
}

function isOptionalText(value: unknown): value is string | undefined {
  return value === undefined || typeof value === 'string';
}

/** Returns the names of all stages that a build with this plan may run, in their order. */
export function stageNamesOf(plan: BuildPlan): readonly string[] {
  const { secrets, preparation, steps, afterScript, finish, cleanup } = plan;
  const stages = [
    ...preparation,
    ...steps,
    afterScript,
    ...(finish?.onSuccess ?? []),
    ...(finish?.onFailure ?? []),
    cleanup,
  ].flatMap((stage) => (stage === undefined ? [] : [stage.name]));
  const first = secrets === undefined ? [] : [secrets.name];
  return [...new Set([...first, 'prepare_executor', ...stages])];
}

/** Formats the line of the trace that tells of a hold. `atMs` is when the command was given. */
export function describeHold(command: HoldCommand, atMs: number): string {
  const { forMs, onFailure, by } = command;
  const time = formatGoDuration(forMs);
  const point = describeHoldPoint(command);
  const what =
    point === undefined
      ? `the containers are kept for ${time} after the job${onFailure ? ', if it fails' : ''}`
      : `the job stops ${point}, for at most ${time}`;
  return describeCommand('Hold', { what, by, atMs });
}

/**
 * A point where a build can stop: before a stage, or after its failure. Neither is set when the
 * build does not stop.
 */
export interface HoldPoint {
  readonly before?: string | undefined;
  readonly failureOf?: string | undefined;
}

/** Describes in words where a command stops the build; undefined when it does not. */
export function describeHoldPoint({ before, failureOf }: HoldPoint): string | undefined {
  if (before !== undefined) return `before ${before}`;
  return failureOf === undefined ? undefined : `after a failure of ${failureOf}`;
}

/**
 * Stages that a person can try again, because nothing of the job's own runs in them: those that
 * gitlab-runner tries again by itself, and those that save files of the job. The latter only send
 * what has not arrived yet.
 */
export const REPEATABLE_STAGES: readonly string[] = [
  ...['prepare_executor', 'get_sources', 'restore_cache', 'download_artifacts'],
  ...['archive_cache', 'archive_cache_on_failure'],
  ...['upload_artifacts_on_success', 'upload_artifacts_on_failure'],
];

/** A command for the trace: its name, its author and its effect. */
interface GivenCommand {
  readonly what: string;
  readonly by: string | undefined;
  /** When it was given, in milliseconds since 1970. */
  readonly atMs: number;
}

/** Formats a line of the trace that tells of a command. */
export function describeCommand(name: string, { what, by, atMs }: GivenCommand): string {
  return `${name} by ${by ?? 'somebody in Temporal'} at ${formatMoment(atMs)}: ${what}`;
}
