import { MAX_STEPS, parseGlob, type Glob, type GlobPath } from './glob.ts';
import { lastLiteralSlash, patternInProject } from './project-paths.ts';

/**
 * The remaining steps for all patterns together. They keep hostile patterns from blocking the
 * worker.
 */
export interface StepPool {
  stepsLeft: number;
}

/** `too_complex`: the answer is unknown, and this pattern must not be tried again. */
export type Answer = 'yes' | 'no' | 'too_complex';

/** One path of a job, ready to be matched against files. */
export interface TreePattern {
  /** The directory or file that contains every match; '' is the whole project. */
  readonly root: string;
  /** True when it has no special character: it takes its root with everything in it. */
  readonly isLiteral: boolean;
  /** True when it takes all or nearly all of its root. */
  readonly takesWholeRoot: boolean;
  /** Whether it takes a path. A matching directory is taken with everything in it. */
  readonly takes: (path: GlobPath, pool: StepPool) => Answer;
}

/** Why a path of a job cannot be used: it is empty, lies outside the project, or is malformed. */
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
  const { literalPrefix, isLiteral } = own;
  const root = isLiteral
    ? literalPrefix
    : literalPrefix.slice(0, Math.max(literalPrefix.lastIndexOf('/'), 0));
  // An escape may have hidden the `..`, as in `\\../*`.
  if (root.split('/').includes('..')) return { fault: 'outside' };
  if (isLiteral) return literalPattern(root);
  return {
    root,
    isLiteral,
    takesWholeRoot: WHOLE_PATTERNS.has(pattern.slice(lastLiteralSlash(pattern) + 1)),
    takes: (path, pool) =>
      isIn(root, path.text) ? askGlob(own, path, { pool, takesBelow: true }) : 'no',
  };
}

function literalPattern(root: string): TreePattern {
  const takes: TreePattern['takes'] = ({ text }) => (isIn(root, text) ? 'yes' : 'no');
  return { root, isLiteral: true, takesWholeRoot: true, takes };
}

function isIn(root: string, path: string): boolean {
  return root === '' || path === root || path.startsWith(`${root}/`);
}

/** Whether a pattern matches a path; see {@link StepPool}. */
export function askGlob(
  glob: Glob,
  path: GlobPath,
  { pool, takesBelow }: { readonly pool: StepPool; readonly takesBelow: boolean },
): Answer {
  const limitSteps = Math.min(MAX_STEPS, pool.stepsLeft);
  const { verdict, steps } = glob.measure(path, { limitSteps, takesBelow, starsMayBeEmpty: true });
  pool.stepsLeft -= steps;
  if (verdict === 'too_complex') return verdict;
  return verdict === 'match' ? 'yes' : 'no';
}
