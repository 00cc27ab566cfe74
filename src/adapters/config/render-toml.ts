import { isTable, type TomlTable } from './toml-table.ts';

const INDENT = '  ';
const BARE_KEY = /^[A-Za-z0-9_-]+$/;

/**
 * Renders TOML in gitlab-runner's layout: `[[runners]]`, its values, then its tables and lists of
 * tables, indented.
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
  const values = entries.filter(([, value]) => tablesOf(value).length === 0);
  return [
    ...values.map(([key, value]) => `${indent}${renderKey(key)} = ${renderValue(value)}`),
    ...entries.flatMap(([key, value]) => {
      const innerPath = [...path, key];
      const name = innerPath.map(renderKey).join('.');
      const header = `${indent}${Array.isArray(value) ? `[[${name}]]` : `[${name}]`}`;
      return tablesOf(value).flatMap((inner) => [
        header,
        ...renderBody(inner, innerPath, depth + 1),
      ]);
    }),
  ];
}

/** Returns the tables of a key that is written with headers. Any other key is a value. */
function tablesOf(value: unknown): readonly TomlTable[] {
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  return all.every(isTable) ? all : [];
}

function renderKey(key: string): string {
  return BARE_KEY.test(key) ? key : renderText(key);
}

function renderValue(value: unknown): string {
  if (typeof value === 'string') return renderText(value);
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (Array.isArray(value)) return `[${value.map(renderValue).join(', ')}]`;
  if (typeof value === 'boolean' || Number.isSafeInteger(value)) return String(value);
  if (Number.isFinite(value)) return renderFloat(String(value));
  throw new Error(`no TOML for a value of type ${typeof value}`);
}

/** Adds the point that a float must have where JavaScript writes none. */
function renderFloat(text: string): string {
  return text.includes('.') ? text : text.replace(/(?=e|$)/, '.0');
}

/**
 * Renders a text. JSON's escapes are valid in TOML, except for lone surrogates and one control
 * character that JSON leaves unescaped.
 */
function renderText(text: string): string {
  return JSON.stringify(text.replace(/\p{Surrogate}/gu, '\ufffd')).replaceAll('\u007f', '\\u007f');
}
