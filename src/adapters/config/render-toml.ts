import { isTable, type TomlTable } from './toml-table.ts';

const INDENT = '  ';
const BARE_KEY = /^[A-Za-z0-9_-]+$/;

/**
 * TOML in gitlab-runner's layout: `[[runners]]`, its values, then its tables, indented. Only what
 * TOML 0.4 knows, because older gitlab-runners must be able to read it too.
 */
export function renderTableArrayEntry(name: string, entry: TomlTable): string {
  return [`[[${renderKey(name)}]]`, ...renderBody(entry, [name], 1)].join('\n') + '\n';
}

export function renderValues(table: TomlTable): string {
  return renderBody(table, [], 0).join('\n') + '\n';
}

function renderBody(table: TomlTable, path: readonly string[], depth: number): readonly string[] {
  const indent = INDENT.repeat(depth);
  const entries = Object.entries(table).filter(([, value]) => value !== undefined);
  const values = entries.filter(([, value]) => !isTable(value));
  const tables = entries.filter((entry): entry is [string, TomlTable] => isTable(entry[1]));
  return [
    ...values.map(([key, value]) => `${indent}${renderKey(key)} = ${renderValue(value)}`),
    ...tables.flatMap(([key, inner]) => {
      const innerPath = [...path, key];
      const header = `${indent}[${innerPath.map(renderKey).join('.')}]`;
      return [header, ...renderBody(inner, innerPath, depth + 1)];
    }),
  ];
}

function renderKey(key: string): string {
  return BARE_KEY.test(key) ? key : renderText(key);
}

function renderValue(value: unknown): string {
  if (typeof value === 'string') return renderText(value);
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (Array.isArray(value)) return `[${value.map(renderValue).join(', ')}]`;
  if (typeof value === 'boolean' || Number.isSafeInteger(value)) return String(value);
  throw new Error(`no TOML for a value of type ${typeof value}`);
}

/** JSON's escapes are TOML's, but for lone surrogates and the control character it lets stand. */
function renderText(text: string): string {
  return JSON.stringify(text.replace(/\p{Surrogate}/gu, '\ufffd')).replaceAll('\u007f', '\\u007f');
}
