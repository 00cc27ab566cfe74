import { isTable, type TomlTable } from './toml-table.ts';

const INDENT = '  ';
const BARE_KEY = /^[A-Za-z0-9_-]+$/;

/**
 * Renders TOML in gitlab-runner's layout: `[[runners]]`, its values, then its tables, indented.
 * Uses only TOML 0.4, so that older gitlab-runners can read it too.
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

/**
 * Renders a text. JSON's escapes are valid in TOML, except for lone surrogates and one control
 * character that JSON leaves unescaped.
 */
function renderText(text: string): string {
  return JSON.stringify(text.replace(/\p{Surrogate}/gu, '\ufffd')).replaceAll('\u007f', '\\u007f');
}
