import { relativeTo } from '../../domain/files/project-paths.ts';
import type { Place } from '../../domain/files/selection.ts';
import type { FilesContext } from './files-context.ts';

/** A place whose path contains a link. */
export interface LinkedPlace {
  readonly place: Place;
  /** The first link in the path. Only following it finds what lies below. */
  readonly linkPath: string;
  /** The real place, relative to the project; undefined when it is outside. */
  readonly realPath: string | undefined;
}

/** The kernel accepts no longer path, so nothing can exist at one. */
const MAX_PATH_LENGTH = 4096;

/**
 * Finds the places behind links. Call it before reading files, because a tar contains a link and
 * not its target. The job no longer runs, so the links cannot change meanwhile.
 */
export async function findLinkedPlaces(
  context: FilesContext,
  places: readonly Place[],
): Promise<readonly LinkedPlace[]> {
  const targets = new Map<string, Promise<string | undefined>>();
  const targetOf = (path: string): Promise<string | undefined> => {
    const known = targets.get(path) ?? context.engine.linkTarget(context.container, path);
    targets.set(path, known);
    return known;
  };
  const linked: LinkedPlace[] = [];
  for (const place of places) {
    context.signal.throwIfAborted();
    if (place.path === '' || place.path.length > MAX_PATH_LENGTH) continue;
    const found = await resolve(place, context.variables.projectDir, targetOf);
    if (found !== undefined) linked.push(found);
  }
  return linked;
}

/** Returns undefined when no link is in the path. */
async function resolve(
  place: Place,
  projectDir: string,
  targetOf: (path: string) => Promise<string | undefined>,
): Promise<LinkedPlace | undefined> {
  const parts = place.path.split('/');
  const asked = place.isFollowed ? parts.length : parts.length - 1;
  let linkPath: string | undefined;
  let realPath = '';
  for (const [index, part] of parts.entries()) {
    const next = realPath === '' ? part : `${realPath}/${part}`;
    const target = index < asked ? await targetOf(`${projectDir}/${next}`) : undefined;
    if (target === undefined) {
      realPath = next;
      continue;
    }
    linkPath ??= parts.slice(0, index + 1).join('/');
    const inside = target === '' ? undefined : relativeTo(projectDir, target);
    if (inside === undefined) return { place, linkPath, realPath: undefined };
    realPath = inside;
  }
  return linkPath === undefined ? undefined : { place, linkPath, realPath };
}
