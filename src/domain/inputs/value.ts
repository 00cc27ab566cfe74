import { ExpressionFault } from './fault.ts';

/**
 * A value of the expression language: a JSON value, or a placeholder for one that must not be
 * shown.
 */
export type Value =
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  | ReadonlyMap<string, Value>
  | typeof SENSITIVE;

/** Stands in for a sensitive input. Its real value never enters an expression. */
export const SENSITIVE = { kind: 'sensitive' } as const;

/** Names of the kinds, in the order in which values of different kinds are compared. */
const KINDS = ['null', 'boolean', 'number', 'string', 'array', 'object'] as const;
/** The kind of a value in messages and comparisons. */
export type Kind = (typeof KINDS)[number];

/**
 * The kind of a value. Throws for a sensitive one: nothing may be decided by it or derived from it.
 */
export function kindOf(value: Value): Kind {
  if (value === SENSITIVE) throw new ExpressionFault('sensitive', 'sensitive_unsupported');
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'object') return 'object';
  switch (typeof value) {
    case 'boolean':
      return 'boolean';
    case 'number':
      return 'number';
    default:
      return 'string';
  }
}

/** Everything is true except `false`, `null`, 0 and empty values. */
export function isTruthy(value: Value): boolean {
  kindOf(value);
  if (Array.isArray(value)) return value.length > 0;
  return value instanceof Map ? value.size > 0 : Boolean(value);
}

/** Formats a value as `str` does: `null` is `<null>`, arrays and objects are JSON. */
export function formatValue(value: Value): string {
  if (value === null) return '<null>';
  return typeof value === 'string' ? value : formatJson(value);
}

function formatJson(value: Value): string {
  kindOf(value);
  if (Array.isArray(value)) return `[${value.map(formatJson).join(',')}]`;
  if (value instanceof Map) {
    const entries: readonly (readonly [string, Value])[] = [...value];
    const members = entries.map(([key, item]) => `${JSON.stringify(key)}:${formatJson(item)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

/**
 * Compares two values. The result is negative, 0 or positive when `a` comes before, with or after
 * `b`. Values of different kinds are ordered by kind. Text is compared by code points, which is the
 * order of its UTF-8 bytes.
 */
export function compareValues(a: Value, b: Value): number {
  const byKind = KINDS.indexOf(kindOf(a)) - KINDS.indexOf(kindOf(b));
  if (byKind !== 0) return byKind;
  if (Array.isArray(a) && Array.isArray(b)) return compareLists(a, b);
  if (a instanceof Map && b instanceof Map) return compareObjects(a, b);
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  return Number(a) - Number(b);
}

function compareLists(a: readonly Value[], b: readonly Value[]): number {
  for (const [index, item] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    const options = compareValues(item, other);
    if (options !== 0) return options;
  }
  return a.length - b.length;
}

/**
 * Compares the number of members, then their names, then their values. Their order does not matter.
 */
function compareObjects(a: ReadonlyMap<string, Value>, b: ReadonlyMap<string, Value>): number {
  const keys = [...a.keys()].sort(compareText);
  const others = [...b.keys()].sort(compareText);
  return (
    a.size - b.size ||
    compareLists(keys, others) ||
    compareLists(
      keys.map((key) => a.get(key) ?? null),
      others.map((key) => b.get(key) ?? null),
    )
  );
}

function compareText(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at += 1;
  // In the middle of a surrogate pair the first halves are equal, so comparing here gives the same
  // order.
  const [own = -1, other = -1] = [a.codePointAt(at), b.codePointAt(at)];
  return own - other;
}
