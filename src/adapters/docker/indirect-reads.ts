import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { isPodman } from './read-reply.ts';

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
  const clean = path.replace(/\/+$/, '');
  const pattern = PATTERN_CHARACTER.exec(clean);
  if (pattern !== null) return splitAt(clean, clean.lastIndexOf('/', pattern.index));
  const isElsewhere = response.statusCode === 404 || isLink(response);
  return isElsewhere && hasParent(clean) ? parentRead(clean) : undefined;
}

/**
 * Decides the same by the first member of the answer. If Podman has not reported a link, that
 * member has the name of the link's target. If both names are the same, they cannot be told apart.
 */
export function indirectReadOf(path: string, firstName: string): IndirectRead | undefined {
  const clean = path.replace(/\/+$/, '');
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

const statSchema = z.object({ mode: z.number() });
/** Go's `fs.ModeSymlink`, as the Engine API writes modes. */
const MODE_SYMLINK = 2 ** 27;

/**
 * Whether the header describes a link. It does so for the path itself, even when the link is
 * dangling and the status is 404.
 */
function isLink({ headers }: IncomingMessage): boolean {
  const stat = headers['x-docker-container-path-stat'];
  if (typeof stat !== 'string') return false;
  const parsed = statSchema.safeParse(parseJson(Buffer.from(stat, 'base64').toString()));
  return parsed.success && Math.floor(parsed.data.mode / MODE_SYMLINK) % 2 === 1;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
