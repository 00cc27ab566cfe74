/** One key that changed, in the words of config.toml, such as `runners.docker.image`. */
export interface ConfigChange {
  readonly key: string;
  /** As a person would write them; undefined where a value may be secret. */
  readonly values?: { readonly before: string; readonly after: string };
}

/** Compares the two values of one setting, below the table `at` ('' is the file itself). */
export type Word = (before: unknown, after: unknown, at: string) => readonly ConfigChange[];

/** A word for each setting: one that is new has to be told whether its value may be shown. */
export type Words<T> = { readonly [Name in keyof T]-?: Word };

type Show = (value: unknown) => string;

const NOT_SET = 'not set';
const MAX_SHOWN_CHARS = 1000;

/** A setting whose value is no secret. */
export function shown(key: string, show: Show = showValue): Word {
  return (before, after, at) => {
    const [old, now] = [show(before), show(after)];
    if (old === now) return [];
    return [{ key: join(at, key), values: { before: cut(old), after: cut(now) } }];
  };
}

/** Of true and false; unset is false. */
export function flag(key: string): Word {
  return shown(key, (value) => String(value === true));
}

/** True in the file is false in the settings; unset is true in the file. */
export function invertedFlag(key: string): Word {
  return shown(key, (value) => String(value !== true));
}

interface Unit {
  /** So many of those that the settings count. */
  readonly per?: number;
  readonly suffix?: string;
  /** What an unset one stands for. */
  readonly unset?: string;
}

/** A number, as the file counts it. */
export function amount(key: string, { per = 1, suffix = '', unset = NOT_SET }: Unit = {}): Word {
  return shown(key, (value) => (typeof value === 'number' ? `${value / per}${suffix}` : unset));
}

/** A size in bytes, in the largest unit that it is a whole number of. */
export function size(key: string): Word {
  return shown(key, (value) => (typeof value === 'number' ? formatSize(value) : NOT_SET));
}

/** An address, without what stands before its host: that may be a password. */
export function address(key: string): Word {
  return (before, after, at) => {
    const [change] = shown(key, (value) => withoutCredentials(showValue(value)))(before, after, at);
    if (change !== undefined) return [change];
    return hidden(key)(before, after, at);
  };
}

/** A setting that is or may hold a secret. */
export function hidden(key: string): Word {
  return (before, after, at) =>
    serialize(before) === serialize(after) ? [] : [{ key: join(at, key) }];
}

/** A table of settings. With '' its settings stand in the table above. */
export function table(key: string, words: Readonly<Record<string, Word>>): Word {
  return (before, after, at) =>
    Object.entries(words).flatMap(([name, word]) =>
      word(fieldOf(before, name), fieldOf(after, name), join(at, key)),
    );
}

/** A table of the user's own names. */
export function map(key: string, word: (name: string) => Word): Word {
  return (before, after, at) =>
    [...new Set([...namesOf(before), ...namesOf(after)])].flatMap((name) =>
      word(name)(fieldOf(before, name), fieldOf(after, name), join(at, key)),
    );
}

/** A list of tables, compared place by place. */
export function list(key: string, words: Readonly<Record<string, Word>>): Word {
  return (before, after, at) =>
    map('', (index) => table(`${join(at, key)}[${index}]`, words))(before ?? [], after ?? [], '');
}

function join(at: string, key: string): string {
  return [at, key].filter((part) => part !== '').join('.');
}

function fieldOf(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

function namesOf(value: unknown): readonly string[] {
  return isObject(value) ? Object.keys(value) : [];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function showValue(value: unknown): string {
  if (value === undefined || value === '') return NOT_SET;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Unset and empty are the same to all that read these settings. */
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

/** Everything between the scheme and the last `@` before the path, and all that follows a `?`. */
function withoutCredentials(text: string): string {
  return text.replace(/^([^/]*:\/\/)?[^/?#]*@/, '$1').replace(/[?#].*$/s, '');
}

function cut(text: string): string {
  return text.length > MAX_SHOWN_CHARS ? `${text.slice(0, MAX_SHOWN_CHARS)}…` : text;
}
