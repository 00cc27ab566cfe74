import { InvalidArgumentError, Option, type Command } from 'commander';
import type { TomlTable } from '../adapters/config/toml-table.ts';
import { parseGoBool } from '../domain/job/go-bool.ts';
import { ENTRY_KEYS, type EntryKey } from './entry-keys.ts';
import { booleanOption, readCount, readMore } from './options.ts';

/** Adds an option for each key to `register`. */
export function addEntryOptions(command: Command): void {
  for (const entryKey of Object.values(ENTRY_KEYS).flat()) {
    const option = createOption(entryKey).hideHelp(entryKey.isOldName === true);
    command.addOption(entryKey.env === undefined ? option : option.env(entryKey.env));
  }
}

function createOption({ kind, flag, key }: EntryKey): Option {
  const description = `Sets "${key}"`;
  switch (kind) {
    case 'text':
      return new Option(`${flag} <value>`, description);
    case 'count':
      return new Option(`${flag} <number>`, description).argParser(readCount);
    case 'integer':
      return new Option(`${flag} <number>`, description).argParser(readInteger);
    case 'flag':
      return booleanOption(flag, description);
    case 'list':
      return new Option(`${flag} <value>`, `${description}, may be repeated`).argParser(readMore);
    case 'texts':
    case 'flags':
    case 'lists':
      return new Option(`${flag} <name:value>`, `${description}, may be repeated`).argParser(
        TABLE_READERS[kind],
      );
  }
}

function readInteger(text: string): number | undefined {
  if (text === '') return undefined;
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError('Expected a whole number.');
  return Number(text);
}

const TABLE_READERS = {
  texts: (text: string, before?: TomlTable) => addPair(text, before, (value) => value),
  lists: (text: string, before?: TomlTable) =>
    addPair(text, before, (value, others) => [...listOf(others), value]),
  // The names of feature flags have no commas, so a variable can have several.
  flags: (text: string, before?: TomlTable) =>
    text.split(',').reduce((table, pair) => addPair(pair, table, readFlag), before ?? {}),
} as const;

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** Adds `name:value` to a table. As in gitlab-runner, a name without a colon has an empty value. */
function addPair(
  text: string,
  before: TomlTable = {},
  read: (value: string, other: unknown) => unknown,
): TomlTable {
  if (text === '') return before;
  const [name = '', ...value] = text.split(':');
  return { ...before, [name]: read(value.join(':'), before[name]) };
}

function readFlag(text: string): boolean {
  const value = text === '' ? true : parseGoBool(text);
  if (value === undefined) throw new InvalidArgumentError('Expected true or false.');
  return value;
}

export interface GivenEntry {
  readonly runner: TomlTable;
  readonly docker: TomlTable;
}

/** Returns the keys that were set, by their names in the file. */
export function readEntryOptions(command: Command): GivenEntry {
  const read = (name: keyof typeof ENTRY_KEYS) => readGiven(command, ENTRY_KEYS[name]);
  const stores = { s3: read('s3'), gcs: read('gcs'), azure: read('azure') };
  const cache = { ...read('cache'), ...withoutEmpty(stores) };
  const tables = withoutEmpty({ custom_build_dir: read('custom_build_dir'), cache });
  return { runner: { ...read('runners'), ...tables }, docker: read('docker') };
}

function withoutEmpty(tables: Readonly<Record<string, TomlTable>>): TomlTable {
  return Object.fromEntries(
    Object.entries(tables).filter(([, table]) => Object.keys(table).length > 0),
  );
}

function readGiven(command: Command, keys: readonly EntryKey[]): TomlTable {
  const given = keys.flatMap((entryKey) => {
    const name = createOption(entryKey).attributeName();
    const value: unknown = command.getOptionValue(name);
    if (value === undefined || value === '') return [];
    // An environment variable has all values of a list, separated by commas.
    const isFromEnv = command.getOptionValueSource(name) === 'env';
    const split = isFromEnv && entryKey.kind === 'list' ? splitList(value) : value;
    return [{ isFromEnv, pair: [entryKey.key, split] as const }];
  });
  // Where a key has two options, one that was typed counts more than a variable of the other.
  const ordered = given.toSorted((a, b) => Number(b.isFromEnv) - Number(a.isFromEnv));
  return Object.fromEntries(ordered.map(({ pair }) => pair));
}

function splitList(value: unknown): readonly string[] {
  // A comma in braces belongs to a pattern, such as `ruby:{3.3,3.4}`.
  return listOf(value).flatMap((text) => String(text).split(/,(?![^{}]*\})/));
}
