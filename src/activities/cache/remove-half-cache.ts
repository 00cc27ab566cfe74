import { expandPaths, shellLookup } from '../../domain/files/expand-paths.ts';
import type { JobCache } from '../../domain/job/payload.ts';
import { formatRemovalList, planRemoval, removalList } from '../../domain/script/remove-listed.ts';
import { defineFlag, type Flag } from '../build/note.ts';
import { withContainer } from '../build/container-stage.ts';
import { runInContainer } from '../container-stage/stage-container.ts';
import type { TransferRun } from '../files/transfer-run.ts';
import { print, type CacheContext } from './cache-context.ts';

/** A cache that could only be restored in part. */
export interface HalfCache {
  readonly cache: JobCache;
  /** The members that were unpacked, relative to the project. */
  readonly members: readonly string[];
}

/**
 * Whether an earlier call began to remove what it had unpacked. Such a cache is not unpacked again.
 */
export async function isHalfCacheNoted({ build, ports, key }: CacheContext): Promise<boolean> {
  return noteOf(key).isSet(build.context.buildId, ports);
}

function noteOf(key: string): Flag {
  return defineFlag(`half a cache ${key}`);
}

/** Writes the list of files to remove, for the helper. */
export async function noteHalfCache(
  context: CacheContext,
  { cache, members }: HalfCache,
): Promise<void> {
  const { build, engine, container, ports, variables } = context;
  const { paths } = expandPaths(cache.paths, shellLookup(variables));
  const unwanted = planRemoval({ paths, members, projectDir: variables.projectDir });
  await engine.putArchive(container, '/', [
    { path: variables.tempDir, type: 'directory', mode: 0o777 },
    {
      path: removalList(variables),
      type: 'file',
      mode: 0o600,
      content: formatRemovalList(unwanted),
    },
  ]);
  await noteOf(context.key).set(build.context.buildId, ports);
}

/** Removes the half cache, so that no later key and no script finds it. Continues after a crash. */
export async function removeHalfCache(
  context: CacheContext,
  { request }: TransferRun,
  cache: JobCache,
): Promise<void> {
  const { build, ports, key, variables } = context;
  const { paths } = expandPaths(cache.paths, shellLookup(variables));
  for (const path of paths) await print(context, 'plain', `Removing ${path}`);
  const stage = { key: `${key}/remove`, request, place: 'helper', ports } as const;
  const outcome = await runInContainer(build, withContainer(build, stage));
  if (outcome.kind === 'succeeded' || outcome.kind === 'stopped') return;
  await print(context, 'warning', 'What was extracted of the cache could not be removed');
}
