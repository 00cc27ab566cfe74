import { isObject } from '../is-object.ts';
import { readBoolean, readFields, readList, readText, unusable } from './json-reader.ts';
import type { InputType, JobInput, JsonValue } from './payload.ts';

const MAX_INPUTS = 1_000;
const MAX_DEPTH = 50;

const TYPES: readonly InputType[] = ['string', 'number', 'boolean', 'array', 'struct'];

/**
 * Reads the inputs of a job. Each must have the type that it declares. Source: gitlab-runner
 * `common/spec/inputs.go`.
 */
export const readInputs = readList(readInput, MAX_INPUTS);

function readInput(value: unknown, path: string): JobInput {
  const input = readFields(value, path);
  const key = input.read('key', readText);
  if (key === '') throw unusable(`${path}.key`, 'the name of an input');
  return { key, value: input.read('value', readInputValue) };
}

function readInputValue(value: unknown, path: string): JobInput['value'] {
  const fields = readFields(value, path);
  const type = fields.read('type', readType);
  const content = fields.read('content', (json, at) => readJson(json, at, MAX_DEPTH));
  if (typeOf(content) !== type) throw unusable(`${path}.content`, `a value of the type ${type}`);
  return { type, content, sensitive: fields.read('sensitive', readBoolean) };
}

function readType(value: unknown, path: string): InputType {
  const type = TYPES.find((known) => known === value);
  if (type === undefined) throw unusable(path, `one of ${TYPES.join(', ')}`);
  return type;
}

function readJson(value: unknown, path: string, depth: number): JsonValue {
  if (depth === 0) throw unusable(path, `values nested at most ${MAX_DEPTH} times`);
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => readJson(item, `${path}[${index}]`, depth - 1));
  }
  if (isObject(value)) {
    const members = Object.entries(value).map(([key, member]) => [
      readText(key, path),
      readJson(member, `${path}.…`, depth - 1),
    ]);
    return Object.fromEntries(members) as Readonly<Record<string, JsonValue>>;
  }
  if (typeof value === 'string') return readText(value, path);
  return typeof value === 'boolean' || typeof value === 'number' ? value : null;
}

function typeOf(value: JsonValue): InputType | undefined {
  if (value === null) return undefined;
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'object') return 'struct';
  return TYPES.find((type) => type === typeof value);
}
