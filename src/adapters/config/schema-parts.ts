import { z } from 'zod';
import { parseMemoryBytes, parseNanoCpus } from '../../domain/runner/resource-units.ts';

// Allowed values of the keys. Each message completes "expected …". gitlab-runner writes zero values
// for "not set", so they mean the default here too.

export const text = z.string('a text in quotes');
export const integer = z.int('a whole number');
export const flag = z.boolean('true or false');
export const table = { error: 'a table' };
export const textList = z.array(text, 'a list of texts');
export const textMap = z.record(z.string(), text, 'a table of texts');
export const flagMap = z.record(z.string(), flag, 'a table of true and false');

export const orDefault = (fallback: number) =>
  integer.transform((value) => (value > 0 ? value : fallback)).default(fallback);

/** Treats an empty text as not set. */
const quantity = (parse: (value: string) => number | undefined, expected: string) =>
  z
    .string(expected)
    .transform((value, context) => {
      if (value === '') return undefined;
      const parsed = parse(value);
      if (parsed === undefined) context.addIssue({ code: 'custom', message: expected });
      return parsed === 0 ? undefined : parsed;
    })
    .optional();

export const memory = quantity(parseMemoryBytes, 'a size in quotes such as "512m" or "2g"');
export const cpus = quantity(parseNanoCpus, 'a number of cores in quotes such as "0.5" or "2"');

/** The longest delay of Node's timers. Nobody waits that long. */
const MAX_SECONDS = Math.floor((2 ** 31 - 1) / 1000);

/** Limits a number of seconds to the longest that a timer supports. */
export function limitSeconds(seconds: number): number {
  return Math.min(seconds, MAX_SECONDS);
}

export const secondsOrDefault = (fallback: number) => orDefault(fallback).transform(limitSeconds);

/** Turns an empty text into undefined. gitlab-runner writes it for "not set". */
export function orUndefined(value: string): string | undefined {
  return value === '' ? undefined : value;
}
