import type { RunnerLineLevel } from '../trace/sections.ts';
import { globPath, readGlob, type Glob, type GlobPath } from './glob.ts';
import { outermostPaths, patternInProject, relativeTo } from './project-paths.ts';
import {
  askGlob,
  parseTreePattern,
  type StepPool,
  type TreePattern,
  type TreePatternFault,
} from './tree-pattern.ts';

/** Describes which of its files a job keeps. Every text is already expanded. */
export interface SelectionOptions {
  /** Absolute. */
  readonly projectDir: string;
  readonly paths: readonly string[];
  readonly exclude: readonly string[];
  /** Names that git lists, relative to the project; undefined when the job does not want them. */
  readonly untracked?: readonly string[] | undefined;
  readonly subject: 'artifacts' | 'cache';
}

/** A line for the trace, not formatted yet. */
export interface SelectionLine {
  readonly level: RunnerLineLevel;
  readonly text: string;
}

/** The beginning of a job's path, up to its first special character, relative to the project. */
export interface Place {
  readonly path: string;
  /**
   * A link at this exact place is followed, not only links on the way, because a pattern begins
   * there.
   */
  readonly isFollowed: boolean;
}

/** Decides for each file whether it is kept, and reports the result in gitlab-runner's words. */
export interface FileSelection {
  /**
   * The directories to read, relative to the project directory: '' is all of it. None lies inside
   * another.
   */
  readonly roots: readonly string[];
  /** Where each of the paths begins; see {@link Place}. */
  readonly places: readonly Place[];
  /**
   * True when the roots may contain far more than is kept: names are listed before bytes are read.
   */
  readonly needsListing: boolean;
  /**
   * Whether the file or directory is kept. Call it once for each path below the roots, relative to
   * the project directory, with its parts joined by `/`. A path found through a link is kept only
   * for the job's paths that begin where the link was followed.
   */
  readonly offer: (path: string, through?: Place) => boolean;
  /**
   * Whether an exclude removes this file, although no path of the job asked for it. Counts as an
   * offer.
   */
  readonly excludes: (path: string) => boolean;
  /** The lines to print after everything was offered. */
  readonly lines: () => readonly SelectionLine[];
}

/** Patterns written by people stay far below this. A hostile pattern costs one second, once. */
const STEPS_AT_ONCE = 100_000_000;
const STEPS_A_PATH = 100_000;

/** Counters that change while files are offered. */
interface State {
  readonly pool: StepPool;
  readonly wanted: readonly Wanted[];
  readonly excluded: readonly Excluded[];
  readonly untracked: ReadonlySet<string> | undefined;
  foundUntracked: number;
  taken: number;
  hasGit: boolean;
}

interface Wanted {
  readonly text: string;
  readonly pattern: ReturnType<typeof parseTreePattern>;
  found: number;
  isTooComplex: boolean;
}

interface Excluded {
  readonly text: string;
  /** undefined when the path is outside the project. */
  readonly glob: Glob | undefined;
  count: number;
  isTooComplex: boolean;
}

/**
 * Decides which files artifacts or a cache consist of. A matched directory is taken with everything
 * in it, dotfiles included. Excludes apply to each file separately, so excluding a directory's name
 * alone does not exclude its files. Never throws, and has bounded cost for any job and any file
 * names. Source: gitlab-runner `commands/helpers/file_archiver.go`.
 */
export function planSelection(options: SelectionOptions): FileSelection {
  const { projectDir } = options;
  const state: State = {
    pool: { stepsLeft: STEPS_AT_ONCE },
    wanted: options.paths.map((text) => ({
      text,
      pattern: parseTreePattern(text, projectDir),
      found: 0,
      isTooComplex: false,
    })),
    excluded: options.exclude.map((text) => {
      const pattern = patternInProject(text, projectDir);
      const glob = pattern === undefined ? undefined : readGlob(pattern);
      return { text, glob, count: 0, isTooComplex: false };
    }),
    untracked: options.untracked && untrackedIn(options.untracked, projectDir),
    foundUntracked: 0,
    taken: 0,
    hasGit: false,
  };
  const patterns = state.wanted.flatMap(({ pattern }) => ('fault' in pattern ? [] : [pattern]));
  return {
    places: placesOf(patterns),
    roots: outermostPaths([...patterns.map(({ root }) => root), ...(state.untracked ?? [])]),
    needsListing: patterns.some(({ takesWholeRoot }) => !takesWholeRoot),
    offer: (path, through) => offer(state, path, through),
    excludes: (path) => countExcluded(state, globPath(path)),
    lines: () => [
      ...state.wanted.map((wanted) => wantedLine(wanted, projectDir)),
      ...untrackedLines(state),
      ...state.excluded.flatMap(excludedLines),
      ...endLines(state, options),
    ],
  };
}

function placesOf(patterns: readonly TreePattern[]): readonly Place[] {
  const places = patterns.map(({ root, isLiteral }) => ({ path: root, isFollowed: !isLiteral }));
  return [...new Map(places.map((place) => [JSON.stringify(place), place])).values()];
}

/** Whether git lists the name. Git lists a link itself and nothing behind it. */
function isListedByGit({ untracked }: State, name: string, through: Place | undefined): boolean {
  return through === undefined && untracked?.has(name) === true;
}

function beginsAt({ pattern }: Wanted, place: Place | undefined): boolean {
  if (place === undefined) return true;
  if ('fault' in pattern) return false;
  return pattern.root === place.path && pattern.isLiteral !== place.isFollowed;
}

/**
 * Returns the untracked names. An embedded repository is listed as a directory, with a `/` at its
 * end.
 */
function untrackedIn(names: readonly string[], projectDir: string): ReadonlySet<string> {
  return new Set(
    names.map((name) => relativeTo(projectDir, name) ?? '').filter((name) => name !== ''),
  );
}

function offer(state: State, name: string, through?: Place): boolean {
  const { pool } = state;
  const path = globPath(name);
  pool.stepsLeft = Math.min(STEPS_AT_ONCE, pool.stepsLeft + STEPS_A_PATH);
  const wanting = state.wanted.filter(
    (wanted) => beginsAt(wanted, through) && takes(wanted, path, pool),
  );
  const isUntracked = isListedByGit(state, name, through);
  if (wanting.length === 0 && !isUntracked) return false;
  if (countExcluded(state, path)) return false;
  for (const wanted of wanting) wanted.found += 1;
  if (isUntracked) state.foundUntracked += 1;
  if (name === '.git' || name.startsWith('.git/')) state.hasGit = true;
  state.taken += 1;
  return true;
}

function countExcluded({ excluded, pool }: State, path: GlobPath): boolean {
  const found = excluded.find((rule) => excludes(rule, path, pool));
  if (found !== undefined) found.count += 1;
  return found !== undefined;
}

function takes(wanted: Wanted, path: GlobPath, pool: StepPool): boolean {
  if ('fault' in wanted.pattern || wanted.isTooComplex) return false;
  const answer = wanted.pattern.takes(path, pool);
  if (answer === 'too_complex') wanted.isTooComplex = true;
  return answer === 'yes';
}

/**
 * Whether an exclude matches. When a rule is too complex to decide, the file counts as excluded,
 * because it must not be published by mistake.
 */
function excludes(rule: Excluded, path: GlobPath, pool: StepPool): boolean {
  if (rule.glob === undefined) return false;
  if (rule.isTooComplex) return true;
  const answer = askGlob(rule.glob, path, { pool, takesBelow: false });
  if (answer === 'too_complex') rule.isTooComplex = true;
  return answer !== 'no';
}

function wantedLine({ text, pattern, found, isTooComplex }: Wanted, dir: string): SelectionLine {
  if ('fault' in pattern) return { level: 'warning', text: faultText(text, pattern.fault) };
  if (isTooComplex) {
    return { level: 'warning', text: `${text}: the pattern is too complex, ${found} files taken` };
  }
  return found === 0
    ? {
        level: 'warning',
        text: `${text}: no matching files. Ensure that the artifact path is relative to the working directory (${dir})`,
      }
    : { level: 'plain', text: `${text}: found ${found} matching artifact files and directories` };
}

function faultText(text: string, fault: TreePatternFault): string {
  switch (fault) {
    case 'empty':
      return 'No matching files. Path is empty.';
    case 'outside':
      return `processPath: artifact path is not a subpath of project directory: ${text}`;
    case 'malformed':
      return `${text}: syntax error in pattern`;
  }
}

function untrackedLines({ untracked, foundUntracked }: State): readonly SelectionLine[] {
  if (untracked === undefined) return [];
  return foundUntracked === 0
    ? [{ level: 'warning', text: 'untracked: no files' }]
    : [{ level: 'plain', text: `untracked: found ${foundUntracked} files` }];
}

function excludedLines({ text, glob, count, isTooComplex }: Excluded): readonly SelectionLine[] {
  if (glob === undefined) {
    const fault = `artifact path is not a subpath of project directory: ${text}`;
    return [{ level: 'warning', text: `isExcluded: ${fault}` }];
  }
  return [
    ...(isTooComplex
      ? [
          {
            level: 'warning',
            text: `${text}: the pattern is too complex, it excludes all`,
          } as const,
        ]
      : []),
    ...(count === 0 ? [] : [{ level: 'plain', text: `${text}: excluded ${count} files` } as const]),
  ];
}

function endLines(
  { taken, hasGit }: State,
  { subject }: SelectionOptions,
): readonly SelectionLine[] {
  if (taken === 0) {
    return subject === 'artifacts'
      ? [{ level: 'error', text: 'No files to upload' }]
      : [{ level: 'warning', text: 'No files to cache.' }];
  }
  if (!hasGit) return [];
  return [
    { level: 'warning', text: 'Part of .git directory is on the list of files to archive' },
    { level: 'warning', text: 'This may introduce unexpected problems' },
  ];
}
