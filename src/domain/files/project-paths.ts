import { cleanPath, joinPath } from '../job/project-dir.ts';

/** Characters that turn a path into a pattern. A lone `]` or `}` does not. */
const SPECIAL = /[*?[{]/;

/**
 * A path of a job as a pattern relative to the project directory: '' is the directory itself,
 * undefined a path outside of it. Only the part before the first special character may leave the
 * directory and enter it again. Source: gitlab-runner `commands/helpers/file_archiver.go`
 * (findRelativePathInProject).
 */
export function patternInProject(path: string, projectDir: string): string | undefined {
  const { base, pattern } = splitPattern(path);
  const relative = relativeTo(projectDir, base);
  if (relative === undefined) return undefined;
  const joined = joinPath(escapePattern(relative), pattern);
  return joined === '.' ? '' : isOutside(joined) ? undefined : joined;
}

/**
 * A path, absolute or relative to `dir`, as a clean path below it; undefined when it is not below
 * it.
 */
export function relativeTo(dir: string, path: string): string | undefined {
  const root = cleanPath(dir);
  const absolute = path.startsWith('/') ? cleanPath(path) : joinPath(root, path);
  if (absolute === root) return '';
  const prefix = root === '/' ? root : `${root}/`;
  return absolute.startsWith(prefix) ? absolute.slice(prefix.length) : undefined;
}

function isOutside(relative: string): boolean {
  return relative === '..' || relative.startsWith('../') || relative.startsWith('/');
}

/**
 * The text up to the last slash before a special character is a plain path, so its escapes are
 * removed.
 */
function splitPattern(path: string): { readonly base: string; readonly pattern: string } {
  if (!SPECIAL.test(path)) return { base: path, pattern: '' };
  const slash = lastLiteralSlash(path);
  if (slash === -1) return { base: '', pattern: path };
  const base = path.slice(0, slash).replace(/\\([*?[\]{}])/g, '$1');
  return { base: slash === 0 ? '/' : base, pattern: path.slice(slash + 1) };
}

/** The last `/` with no special character before it; -1 when there is none. */
export function lastLiteralSlash(pattern: string): number {
  let slash = -1;
  for (let at = 0; at < pattern.length && !SPECIAL.test(pattern.charAt(at)); at += 1) {
    if (pattern.charAt(at) === '\\') at += 1;
    else if (pattern.charAt(at) === '/') slash = at;
  }
  return slash;
}

/** A pattern that matches this text only. */
function escapePattern(text: string): string {
  return text.replace(/[*?[\]{}\\]/g, '\\$&');
}

/** Removes every path that lies inside another one of the set. Sorted. */
export function outermostPaths(paths: Iterable<string>): readonly string[] {
  const all = new Set(paths);
  if (all.has('')) return [''];
  return [...all].filter((path) => !ancestorsOf(path).some((each) => all.has(each))).sort();
}

function ancestorsOf(path: string): readonly string[] {
  const ancestors: string[] = [];
  for (let at = path.indexOf('/'); at !== -1; at = path.indexOf('/', at + 1)) {
    ancestors.push(path.slice(0, at));
  }
  return ancestors;
}
