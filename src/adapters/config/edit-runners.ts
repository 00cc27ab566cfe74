import { isDeepStrictEqual } from 'node:util';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { parseToml } from './parse-toml.ts';
import { isTable, withoutKey, type TomlTable } from './toml-table.ts';
import { renderTableArrayEntry, renderValues } from './render-toml.ts';

/** The top of a new file, as gitlab-runner's `register` writes it. */
const NEW_FILE: TomlTable = { concurrent: 1, check_interval: 0, shutdown_timeout: 0 };

/** Appends a `[[runners]]` entry. The rest of the text stays unchanged. */
export function appendRunner(text: string, entry: TomlTable): string {
  const name = runnersKey(parseToml(text, 'config'));
  const before = text === '' ? renderValues(NEW_FILE) : text.replace(/\n*$/, '\n');
  const after = `${before}\n${renderTableArrayEntry(name, entry)}`;
  const file = parseToml(before, 'config');
  return checked(after, { ...file, [name]: [...runnersOf(file), entry] });
}

/** Removes these entries, and keeps comments above and between the others. */
export function removeRunners(text: string, indexes: ReadonlySet<number>): string {
  const file = parseToml(text, 'config');
  const name = runnersKey(file);
  const blocks = findBlocks(text);
  const gone = blocks.filter((_, index) => indexes.has(index));
  const after = gone.reduceRight(
    (rest, { start, end }) => rest.slice(0, start) + rest.slice(end),
    text,
  );
  const left = runnersOf(file).filter((_, index) => !indexes.has(index));
  const others = withoutKey(file, name);
  return checked(after, left.length === 0 ? others : { ...others, [name]: left });
}

interface Block {
  readonly start: number;
  readonly end: number;
}

/** Matches strings and comments, in which brackets have no meaning. */
const OPAQUE =
  /"""(?:\\[\s\S]|[^\\])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*/g;
const HEADER = /^[ \t]*\[{1,2}[ \t]*([\w-]+)(?:[ \t]*\.[ \t.\w-]*)?[ \t]*\]{1,2}[ \t\r]*$/gm;
const ENTRY_HEADER = /^[ \t]*\[\[[ \t]*runners[ \t]*\]\]/i;

function findBlocks(text: string): readonly Block[] {
  const plain = text.replace(OPAQUE, (part) => part.replace(/[^\n]/g, ' '));
  const headers = [...plain.matchAll(HEADER)].map(({ 0: header, 1: table, index }) => ({
    start: index,
    isEntry: ENTRY_HEADER.test(header),
    isInEntry: table?.toLowerCase() === 'runners',
  }));
  return headers.flatMap(({ start, isEntry }, index) => {
    if (!isEntry) return [];
    const next = headers.slice(index + 1).find((other) => other.isEntry || !other.isInEntry);
    return [{ start, end: next === undefined ? text.length : withComments(text, next.start) }];
  });
}

/** Returns the position of the comment lines directly above a header, which belong to it. */
function withComments(text: string, header: number): number {
  const above = text.slice(0, header).split('\n').slice(0, -1);
  let start = header;
  while (/^[ \t]*#/.test(above.at(-1) ?? '')) start -= (above.pop()?.length ?? 0) + 1;
  return start;
}

function runnersKey(file: TomlTable): string {
  return Object.keys(file).find((key) => key.toLowerCase() === 'runners') ?? 'runners';
}

function runnersOf(file: TomlTable): readonly unknown[] {
  const runners = file[runnersKey(file)];
  return Array.isArray(runners) ? runners : [];
}

/** Returns the text if it parses to the expected content: a wrong edit must not be saved. */
function checked(text: string, expected: TomlTable): string {
  if (isDeepStrictEqual(plain(readEdited(text)), plain(expected))) return text;
  throw notEditable();
}

function readEdited(text: string): TomlTable {
  try {
    return parseToml(text, 'config');
  } catch {
    throw notEditable();
  }
}

function notEditable(): FinalError {
  const message =
    'the config file is written in a way that cannot be edited here: ' +
    'write every runner as a [[runners]] block, or edit it by hand';
  return new FinalError(FailureType.InvalidConfig, message);
}

/** Copies a value with its own keys in one order, because parsers differ in prototypes. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Date) return value.getTime();
  if (!isTable(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .filter((key) => value[key] !== undefined)
      .sort()
      .map((key) => [key, plain(value[key])]),
  );
}
