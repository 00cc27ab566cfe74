import { MAX_STEPS, parseGlob, readGlob, type Glob } from './glob.ts';
import { lastLiteralSlash, patternInProject } from './project-paths.ts';

/** Matching of all patterns together ends when this is used up: hostile ones cannot hold the worker. */
export interface StepPool {
  stepsLeft: number;
}

/** `too_complex`: nobody knows, and nobody may ask this pattern again. */
export type Answer = 'yes' | 'no' | 'too_complex';

/** One of the paths of a job, as it is asked about files. */
export interface TreePattern {
  /** The directory or file that all it can match lies in; '' is the whole project. */
  readonly root: string;
  /** It takes all that is in its root, or nearly so. */
  readonly takesWholeRoot: boolean;
  /** Whether it takes a path: what matches is taken with everything in it. */
  readonly takes: (path: string, pool: StepPool) => Answer;
}

export type TreePatternFault = 'empty' | 'outside' | 'malformed';

const WHOLE_PATTERNS: ReadonlySet<string> = new Set(['*', '**', '**/*', '*/**', '**/**']);

/** Reads one of the paths of artifacts or of a cache. */
export function parseTreePattern(
  text: string,
  projectDir: string,
): TreePattern | { readonly fault: TreePatternFault } {
  if (text === '') return { fault: 'empty' };
  const pattern = patternInProject(text, projectDir);
  if (pattern === undefined) return { fault: 'outside' };
  const own = parseGlob(pattern);
  if (own === undefined) return { fault: 'malformed' };
  if (own.isLiteral) return literalPattern(own.literalPrefix);
  const root = own.literalPrefix.slice(0, Math.max(own.literalPrefix.lastIndexOf('/'), 0));
  const globs = isDeep(pattern) ? [own] : [own, readGlob(`${pattern}/**`)];
  return {
    root,
    takesWholeRoot: WHOLE_PATTERNS.has(pattern.slice(lastLiteralSlash(pattern) + 1)),
    takes: (path, pool) => (isIn(root, path) ? askGlobs(globs, path, pool) : 'no'),
  };
}

/** It matches all that is below of what it matches by itself. */
function isDeep(pattern: string): boolean {
  return pattern === '**' || pattern.endsWith('/**');
}

function literalPattern(root: string): TreePattern {
  return { root, takesWholeRoot: true, takes: (path) => (isIn(root, path) ? 'yes' : 'no') };
}

function isIn(root: string, path: string): boolean {
  return root === '' || path === root || path.startsWith(`${root}/`);
}

/** Whether one of them matches; see {@link StepPool}. */
export function askGlobs(globs: readonly Glob[], path: string, pool: StepPool): Answer {
  for (const glob of globs) {
    const { verdict, steps } = glob.measure(path, Math.min(MAX_STEPS, pool.stepsLeft));
    pool.stepsLeft -= steps;
    if (verdict === 'match') return 'yes';
    if (verdict === 'too_complex') return verdict;
  }
  return 'no';
}
