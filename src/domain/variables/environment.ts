import {
  expandAll,
  filePath,
  listVariables,
  type Variable,
  type VariableList,
} from './variable-list.ts';

/** A file variable as it is to be written in the container: exact content, no newline added. */
export interface VariableFile {
  readonly path: string;
  readonly content: string;
}

/** Variables as processes are handed them. */
export interface Environment {
  /** `KEY=value`, one for each name. */
  readonly lines: readonly string[];
  /** Names that no shell can export, and of values that no process can be handed. */
  readonly skipped: readonly string[];
}

/** Whether something takes a variable of this name. */
export type NameRule = (key: string) => boolean;

/**
 * The last of a name counts; file variables stand for their path in `tempDir`. Names are those that a
 * shell can export, unless told otherwise.
 */
export function formatEnvironment(
  entries: readonly Variable[],
  tempDir: string,
  takesName: NameRule = isEnvironmentName,
): Environment {
  const lines: string[] = [];
  const skipped: string[] = [];
  for (const { key, value, isFile } of lastOfEach(entries)) {
    const text = isFile ? filePath(tempDir, key) : value;
    if (takesName(key) && !text.includes('\0')) lines.push(`${key}=${text}`);
    else skipped.push(key);
  }
  return { lines, skipped };
}

/**
 * What a service sees: the job's public variables and the runner's, as they are, then its own,
 * which may refer to everything. Names are as given. Source: gitlab-runner `common/build.go` (GetServiceVariables).
 */
export function servicesEnvironment(
  list: VariableList,
  own: readonly Variable[],
  tempDir: string,
): readonly string[] {
  const everything = listVariables([...list.entries, ...own], tempDir);
  const visible = list.entries.filter(({ isForServices }) => isForServices);
  const all = [...visible, ...expandAll(own, everything).entries];
  return formatEnvironment(all, tempDir, isProcessName).lines;
}

/**
 * Whether a process can be handed a variable of this name, such as `xpack.security.enabled`: what a
 * shell makes of it does not matter where Docker starts the process.
 */
export function isProcessName(key: string): boolean {
  return key !== '' && !/[=\0]/.test(key);
}

/** Files to write before a stage; a name that is no environment name could lead out of `tempDir`. */
export function filesOf(entries: readonly Variable[], tempDir: string): readonly VariableFile[] {
  return lastOfEach(entries)
    .filter(({ key, isFile }) => isFile && isEnvironmentName(key))
    .map(({ key, value }) => ({ path: filePath(tempDir, key), content: value }));
}

/**
 * Values the trace must not show, also those that a later variable of the same name hides: trimmed,
 * each once, the longest first. Source: gitlab-runner `common/buildlogger/internal/unique.go`.
 */
export function maskPhrasesOf(entries: readonly Variable[]): readonly string[] {
  const values = entries.filter(({ isMasked }) => isMasked).map(({ value }) => trimSpace(value));
  const unique = [...new Set(values)].filter((value) => value !== '');
  return unique.sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
}

const MAX_NAMES = 10;

/** At most one line that names some of the variables something happened to. */
export function skippedWarning(what: string, names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  const shown = names.slice(0, MAX_NAMES).map((name) => JSON.stringify(name.slice(0, 100)));
  const rest = names.length > MAX_NAMES ? ` and ${names.length - MAX_NAMES} more` : '';
  return [`variables ${what}: ${shown.join(', ')}${rest}`];
}

function lastOfEach(entries: readonly Variable[]): readonly Variable[] {
  return [...new Map(entries.map((entry) => [entry.key, entry])).values()];
}

function isEnvironmentName(key: string): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(key);
}

/** As Go's TrimSpace: U+0085 is white space there and not in JavaScript. Linear, unlike a pattern. */
function trimSpace(text: string): string {
  let trimmed = text.trim();
  while (trimmed.startsWith('\u0085')) trimmed = trimmed.slice(1).trimStart();
  while (trimmed.endsWith('\u0085')) trimmed = trimmed.slice(0, -1).trimEnd();
  return trimmed;
}
