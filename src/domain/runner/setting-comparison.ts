import { withoutCredentials } from './api-url.ts';

/** One key that changed, in the words of config.toml, such as `runners.docker.image`. */
export interface ConfigChange {
  readonly key: string;
  /** The values as a person would write them; undefined where a value may be secret. */
  readonly values?: { readonly before: string; readonly after: string };
}

/** Compares two values of one setting in the table `at` ('' is the top of the file). */
export type SettingComparison = (
  before: unknown,
  after: unknown,
  at: string,
) => readonly ConfigChange[];

/**
 * One comparison for each setting. The compiler requires an entry for a new setting, so that its
 * author decides whether the value may be shown.
 */
export type SettingComparisons<T> = { readonly [Name in keyof T]-?: SettingComparison };

type Show = (value: unknown) => string;

const NOT_SET = 'not set';
const MAX_SHOWN_CHARS = 1000;

/** Compares a setting whose value is no secret. */
export function shown(key: string, show: Show = showValue): SettingComparison {
  return (before, after, at) => {
    const [old, now] = [show(before), show(after)];
    if (old === now) return [];
    return [{ key: join(at, key), values: { before: cut(old), after: cut(now) } }];
  };
}

/** Compares a boolean; unset is false. */
export function flag(key: string): SettingComparison {
  return shown(key, (value) => String(value === true));
}

/** Compares a boolean that is inverted in the settings; unset is true in the file. */
export function invertedFlag(key: string): SettingComparison {
  return shown(key, (value) => String(value !== true));
}

interface Unit {
  /** Number of units of the settings in one unit of the file. */
  readonly per?: number;
  readonly suffix?: string;
  /** The text for an unset value. */
  readonly unset?: string;
}

/** Compares a number, shown in the unit of the file. */
export function amount(
  key: string,
  { per = 1, suffix = '', unset = NOT_SET }: Unit = {},
): SettingComparison {
  return shown(key, (value) => (typeof value === 'number' ? `${value / per}${suffix}` : unset));
}

/** Compares a size in bytes, shown in the largest unit that gives a whole number. */
export function size(key: string): SettingComparison {
  return shown(key, (value) => (typeof value === 'number' ? formatSize(value) : NOT_SET));
}

/** Compares an address, without user and password, which may be secret. */
export function address(key: string): SettingComparison {
  return (before, after, at) => {
    const [change] = shown(key, (value) => withoutCredentials(showValue(value)))(before, after, at);
    if (change !== undefined) return [change];
    return hidden(key)(before, after, at);
  };
}

/** Compares a setting that is or may contain a secret: the values are not shown. */
export function hidden(key: string): SettingComparison {
  return (before, after, at) =>
    serialize(before) === serialize(after) ? [] : [{ key: join(at, key) }];
}

/** Compares a table of settings. With '' the settings belong to the table above. */
export function table(
  key: string,
  comparisons: Readonly<Record<string, SettingComparison>>,
): SettingComparison {
  return (before, after, at) =>
    Object.entries(comparisons).flatMap(([name, word]) =>
      word(fieldOf(before, name), fieldOf(after, name), join(at, key)),
    );
}

/** Compares a table whose keys the user chooses. */
export function map(key: string, compare: (name: string) => SettingComparison): SettingComparison {
  return (before, after, at) =>
    [...new Set([...namesOf(before), ...namesOf(after)])].flatMap((name) =>
      compare(name)(fieldOf(before, name), fieldOf(after, name), join(at, key)),
    );
}

/** Compares a list of tables item by item. */
export function list(
  key: string,
  comparisons: Readonly<Record<string, SettingComparison>>,
): SettingComparison {
  return (before, after, at) =>
    map('', (index) => table(`${join(at, key)}[${index}]`, comparisons))(
      before ?? [],
      after ?? [],
      '',
    );
}

function join(at: string, key: string): string {
  return [at, key].filter((part) => part !== '').join('.');
}

function fieldOf(value: unknown, name: string): unknown {
  return hasMembers(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function namesOf(value: unknown): readonly string[] {
  return hasMembers(value) ? Object.keys(value) : [];
}

/** Whether a value has members. Lists count too: their keys are the indexes. */
function hasMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function showValue(value: unknown): string {
  if (value === undefined || value === '') return NOT_SET;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Serializes a value. All readers of these settings treat unset and empty alike. */
function serialize(value: unknown): string {
  const isEmpty = value === undefined || (Array.isArray(value) && value.length === 0);
  return JSON.stringify(isEmpty ? '' : value);
}

function formatSize(bytes: number): string {
  const units: readonly [unit: string, bytes: number][] = [
    ['g', 1024 ** 3],
    ['m', 1024 ** 2],
    ['k', 1024],
  ];
  const fitting = units.find(([, unitBytes]) => bytes > 0 && bytes % unitBytes === 0);
  return fitting === undefined ? `${bytes}b` : `${bytes / fitting[1]}${fitting[0]}`;
}

function cut(text: string): string {
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
}
