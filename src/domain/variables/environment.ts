import {
  expandAll,
  filePath,
  listVariables,
  type Variable,
  type VariableList,
} from './variable-list.ts';

/** A file variable for the container: its exact content, with no newline added. */
export interface VariableFile {
  readonly path: string;
  readonly content: string;
}

/** Variables in the form that processes receive. */
export interface Environment {
  /** `KEY=value`, one for each name. */
  readonly lines: readonly string[];
  /** Names that a shell cannot export, and names of values that a process cannot receive. */
  readonly skipped: readonly string[];
}

/** Whether a variable of this name can be passed on. */
export type NameRule = (key: string) => boolean;

/**
 * Formats the environment. The last variable of a name counts. File variables stand for their path
 * in `tempDir`. Only names that a shell can export are passed on, unless `takesName` decides
 * otherwise.
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
 * Returns the variables of a service: the job's public ones and the runner's, unexpanded, then the
 * service's own, which may refer to all of them. Names are not checked. Source: gitlab-runner
 * `common/build.go` (GetServiceVariables).
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
 * Whether a process can receive a variable of this name, such as `xpack.security.enabled`. Docker
 * starts the process without a shell, so a shell's rules do not apply.
 */
export function isProcessName(key: string): boolean {
  return key !== '' && !/[=\0]/.test(key);
}

/**
 * Returns the files to write before a stage. Names that are not environment names are left out,
 * because they could lead out of `tempDir`.
 */
export function filesOf(entries: readonly Variable[], tempDir: string): readonly VariableFile[] {
  return lastOfEach(entries)
    .filter(({ key, isFile }) => isFile && isEnvironmentName(key))
    .map(({ key, value }) => ({ path: filePath(tempDir, key), content: value }));
}

/**
 * Returns the values that the trace must not show, even when a later variable overrides them:
 * trimmed, without repetitions, the longest first. Source: gitlab-runner
 * `common/buildlogger/internal/unique.go`.
 */
export function maskPhrasesOf(entries: readonly Variable[]): readonly string[] {
  const values = entries.filter(({ isMasked }) => isMasked).map(({ value }) => trimPhrase(value));
  const unique = [...new Set(values)].filter((value) => value !== '');
  return unique.sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
}

const MAX_NAMES = 10;

/** Returns at most one line, which names some of the affected variables. */
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

/**
 * Trims what Go's TrimSpace trims, and U+FEFF too: a program may print a secret without this mark.
 * Unlike a pattern, this takes linear time.
 */
function trimPhrase(text: string): string {
  let trimmed = text.trim();
  while (trimmed.startsWith('\u0085')) trimmed = trimmed.slice(1).trimStart();
  while (trimmed.endsWith('\u0085')) trimmed = trimmed.slice(0, -1).trimEnd();
  return trimmed;
}
