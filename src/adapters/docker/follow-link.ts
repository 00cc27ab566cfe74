import { posix } from 'node:path';

/** Linux follows this many links too. Source: path_resolution(7). */
const MAX_LINKS = 40;

/**
 * Returns where the link at `path` leads in the end, as an absolute path without links. Returns
 * undefined when there is no link, and an empty text for a circle. The directory of `path` must
 * contain no link. `readLink` returns the target of one link, and undefined for anything else.
 */
export async function followLink(
  path: string,
  readLink: (path: string) => Promise<string | undefined>,
): Promise<string | undefined> {
  const first = await readLink(path);
  if (first === undefined) return undefined;
  let real = posix.dirname(path);
  let rest = [first];
  for (let links = 1; links <= MAX_LINKS; links += 1) {
    const walk = await walkToLink(real, rest.join('/'), readLink);
    if (walk.target === undefined) return walk.real;
    real = walk.real;
    rest = [walk.target, ...walk.rest];
  }
  return '';
}

interface Walk {
  /** The real path so far. */
  readonly real: string;
  /** The target of the link at which the walk has ended. */
  readonly target: string | undefined;
  readonly rest: readonly string[];
}

async function walkToLink(
  from: string,
  way: string,
  readLink: (path: string) => Promise<string | undefined>,
): Promise<Walk> {
  let real = way.startsWith('/') ? '/' : from;
  const parts = way.split('/').filter((part) => part !== '' && part !== '.');
  for (const [index, part] of parts.entries()) {
    const next = posix.join(real, part);
    const target = part === '..' ? undefined : await readLink(next);
    if (target !== undefined) return { real, target, rest: parts.slice(index + 1) };
    real = next;
  }
  return { real, target: undefined, rest: [] };
}
