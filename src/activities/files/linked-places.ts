import { relativeTo } from '../../domain/files/project-paths.ts';
import type { Place } from '../../domain/files/selection.ts';
import type { FilesContext } from './files-context.ts';

/** A place that a link is on the way to. */
export interface LinkedPlace {
  readonly place: Place;
  /** The first link on the way: what lies below it is found only by following it. */
  readonly linkPath: string;
  /** Where it really is, relative to the project; undefined when that is outside of it. */
  readonly realPath: string | undefined;
}

/** No path that the kernel takes is longer: there is nothing at one that is. */
const MAX_PATH_LENGTH = 4096;

/**
 * Those of the places that links lead to. Asked before files are read, since a tar has a link and not
 * what it leads to; and nothing of the job runs any more that could change it.
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

/** undefined when no link is on the way. */
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
