import { isObject } from '../is-object.ts';
import { FailureType, FinalError } from '../failure.ts';

/** Reads one value of an untrusted JSON document. `path` is its place, for messages. */
export type Read<T> = (value: unknown, path: string) => T;

/** A JSON object. Only its own keys are read. */
export interface Fields {
  /** Reads the value of a key. Absent and null values are read as undefined. */
  readonly read: <T>(key: string, read: Read<T>) => T;
  readonly keys: () => readonly string[];
}

/**
 * The error about an unusable value in a document. It names place and kinds, but never the value,
 * which could be a secret.
 */
export function unusable(path: string, expected: string, actual?: string): FinalError {
  const got = actual === undefined ? '' : `, got ${actual}`;
  return new FinalError(
    FailureType.InvalidPayload,
    `the job from GitLab is not usable: ${path}: expected ${expected}${got}`,
  );
}

/** Reads an object; an absent one has no fields. */
export function readFields(value: unknown, path: string): Fields {
  const object = isAbsent(value) ? {} : value;
  if (!isObject(object)) throw unusable(path, 'an object', kindOf(value));
  return {
    read: (key, read) => {
      const field: unknown = Object.hasOwn(object, key) ? object[key] : undefined;
      return read(field ?? undefined, path === '' ? key : `${path}.${key}`);
    },
    keys: () => Object.keys(object),
  };
}

/**
 * Reads text; absent is ''. Text with a NUL byte is refused, because names, paths and scripts
 * cannot contain it.
 */
export function readText(value: unknown, path: string): string {
  const text = readAnyText(value, path);
  if (text.includes('\0')) throw unusable(path, 'text without NUL bytes');
  return text;
}

/** Reads text that is checked later, before it is used; absent is ''. */
export function readAnyText(value: unknown, path: string): string {
  if (isAbsent(value)) return '';
  if (typeof value !== 'string') throw unusable(path, 'a string', kindOf(value));
  return value;
}

/** Reads a boolean; absent is false. */
export function readBoolean(value: unknown, path: string): boolean {
  if (isAbsent(value)) return false;
  if (typeof value !== 'boolean') throw unusable(path, 'true or false', kindOf(value));
  return value;
}

/** Reads an integer; absent is 0. */
export function readInteger(value: unknown, path: string): number {
  if (isAbsent(value)) return 0;
  if (!Number.isSafeInteger(value)) throw unusable(path, 'a whole number', numberKindOf(value));
  return Number(value);
}

/** Reads a list; absent is an empty one. Absent items are read as such. */
export function readList<T>(read: Read<T>, maxLength: number): Read<readonly T[]> {
  return (value, path) => {
    if (isAbsent(value)) return [];
    if (!Array.isArray(value)) throw unusable(path, 'a list', kindOf(value));
    if (value.length > maxLength) {
      throw unusable(path, `at most ${maxLength} entries`, `${value.length}`);
    }
    return value.map((item: unknown, index) => read(item ?? undefined, `${path}[${index}]`));
  };
}

function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

function kindOf(value: unknown): string {
  if (isAbsent(value)) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function numberKindOf(value: unknown): string {
  if (typeof value !== 'number') return kindOf(value);
  return Number.isInteger(value) ? 'a number too large' : 'a number with a fraction';
}
