import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { isPodman } from './read-reply.ts';

/** A path that has to be looked for in all that a directory above it holds. */
export interface IndirectRead {
  readonly directory: string;
  /** The path below the directory. */
  readonly below: string;
}

/**
 * Where to look for what lies at `path`, when the engine has answered about something else; undefined
 * when its answer is the right one. Podman answers about what a link leads to, where Docker gives the
 * link; and it takes a name with `*`, `?`, `[` or `\` for a pattern. That a path is a link it tells,
 * but of one on a volume of a container that does not run: a link to nothing is not found there.
 */
export function indirectRead(response: IncomingMessage, path: string): IndirectRead | undefined {
  if (!isPodman(response)) return undefined;
  const clean = path.replace(/\/+$/, '');
  const pattern = /[*?[\\]/.exec(clean);
  if (pattern !== null) return splitAt(clean, clean.lastIndexOf('/', pattern.index));
  const isElsewhere = response.statusCode === 404 || isLink(response);
  return isElsewhere && hasParent(clean) ? parentRead(clean) : undefined;
}

/**
 * The same by the first member of the answer: that of a link which Podman has not told about has the
 * name of what the link leads to. Where both names are the same, nothing tells them apart.
 */
export function indirectReadOf(path: string, firstName: string): IndirectRead | undefined {
  const clean = path.replace(/\/+$/, '');
  if (!hasParent(clean)) return undefined;
  const parent = parentRead(clean);
  return firstName === parent.below ? undefined : parent;
}

/**
 * What is asked for by `/.` is all that a directory holds, and not the directory; and nothing is looked
 * for in the whole of a container.
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

/** Told about the path itself, also when the link leads nowhere and the answer is 404. */
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
