import type { z } from 'zod';

const SECRET_KEYS = /token|password|secret|key|environment/i;
const MAX_SHOWN_CHARS = 60;

/**
 * Describes a fault in one line: the key, its allowed values, and its value unless that is secret.
 */
export function describeIssue(issue: z.core.$ZodIssue, above: readonly PropertyKey[] = []): string {
  const keyPath = formatKeyPath([...above, ...issue.path]);
  return `${keyPath}: expected ${issue.message}, got ${showValue(issue.input, keyPath)}`;
}

function formatKeyPath(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');
}

function showValue(value: unknown, keyPath: string): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return value instanceof Date ? 'a date' : 'a table';
  if (SECRET_KEYS.test(keyPath)) return `a ${typeof value}`;
  const shown = JSON.stringify(value);
  return shown.length > MAX_SHOWN_CHARS ? `${shown.slice(0, MAX_SHOWN_CHARS)}…` : shown;
}
