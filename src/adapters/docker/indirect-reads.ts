import type { IncomingMessage } from 'node:http';
import { reportedLink } from './path-stat.ts';
import { isPodman } from './read-reply.ts';
import { withoutTrailing } from '../../domain/without-trailing.ts';

/** A path that must be searched among the members of a parent directory. */
export interface IndirectRead {
  readonly directory: string;
  /** The path relative to that directory. */
  readonly below: string;
}

const PATTERN_CHARACTER = /[*?[\\]/;

/** Whether Podman takes this path for a pattern. */
export function isLikePattern(path: string): boolean {
  return PATTERN_CHARACTER.test(path);
}

/**
 * Returns where to search for `path` when the engine answered about another path; undefined when
 * its answer is right. For a link Podman returns its target, while Docker returns the link. Podman
 * also treats a name with `*`, `?`, `[` or `\` as a pattern. It reports that a path is a link,
 * except on a volume of a container that does not run: a dangling link is not found there.
 */
export function indirectRead(response: IncomingMessage, path: string): IndirectRead | undefined {
  if (!isPodman(response)) return undefined;
  const clean = withoutTrailing(path, '/');
  const pattern = PATTERN_CHARACTER.exec(clean);
  if (pattern !== null) return splitAt(clean, clean.lastIndexOf('/', pattern.index));
  const isElsewhere = response.statusCode === 404 || reportedLink(response) !== undefined;
  return isElsewhere && hasParent(clean) ? parentRead(clean) : undefined;
}

/**
 * Decides the same by the first member of the answer. If Podman has not reported a link, that
 * member has the name of the link's target. If both names are the same, they cannot be told apart.
 */
export function indirectReadOf(path: string, firstName: string): IndirectRead | undefined {
  const clean = withoutTrailing(path, '/');
  if (!hasParent(clean)) return undefined;
  const parent = parentRead(clean);
  return firstName === parent.below ? undefined : parent;
}

/**
 * Whether the path has a parent to search in. A path that ends in `/.` means the content of a
 * directory and not the directory itself. A whole container is not searched.
 */
function hasParent(path: string): boolean {
  return path.lastIndexOf('/') > 0 && !path.endsWith('/.');
}

function parentRead(path: string): IndirectRead {
  return splitAt(path, path.lastIndexOf('/'));
}

function splitAt(path: string, slash: number): IndirectRead {
  return { directory: path.slice(0, slash + 1), below: path.slice(slash + 1) };
}
