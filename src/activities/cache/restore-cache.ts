import type { CacheAddress } from '../../domain/cache/address.ts';
import { planRestore, type PlannedCache } from '../../domain/cache/plan-caches.ts';
import { systemFailure } from '../../domain/context/outcome.ts';
import { storeKindOf } from '../../domain/runner/cache-config.ts';
import {
  warnOnFailure,
  openCacheContext,
  part,
  cacheInputOf,
  print,
  printAll,
  type CacheContext,
} from './cache-context.ts';
import { extractArchive } from '../files/extract-archive.ts';
import { keepLocal, statLocal, takeLocal } from './local-cache.ts';
import { isHalfCacheNoted, noteHalfCache, removeHalfCache } from './remove-half-cache.ts';
import { downloadCache, remoteOf } from './remote-cache.ts';
import type { Transfer, TransferRun } from '../files/transfer-run.ts';

/**
 * Restores the job's caches, each by the first of its keys that has an archive. Source:
 * gitlab-runner `shells/abstract.go` (cacheExtractor), `commands/helpers/cache_extractor.go`.
 */
export const restoreCache: Transfer = async (build, run) => {
  const input = cacheInputOf(build, run.ports);
  const { variables } = input;
  let isIncomplete = false;
  for (const options of planRestore(input)) {
    if (options.kind === 'refused') {
      return systemFailure(options.message);
    }
    const context = openCacheContext(build, run, { index: options.index, variables });
    await printAll(context, options.lines);
    if (options.kind !== 'wanted') continue;
    if (!(await restoreFirst(context, { run, planned: options }))) isIncomplete = true;
  }
  return { kind: 'succeeded', ...(isIncomplete && { isIncomplete }) };
};

interface RestoreOptions {
  readonly run: TransferRun;
  readonly planned: Extract<PlannedCache, { kind: 'wanted' }>;
}

async function restoreFirst(
  context: CacheContext,
  { run, planned }: RestoreOptions,
): Promise<boolean> {
  const { cache, addresses } = planned;
  const leavesNothing = context.variables.featureFlags.isOn('FF_CLEAN_UP_FAILED_CACHE_EXTRACT');
  for (const [position, address] of addresses.entries()) {
    const one = part(context, position);
    if (!leavesNothing) {
      if (await restoreFrom(one, { address })) return true;
      continue;
    }
    if (!(await isHalfCacheNoted(one))) {
      const members: string[] = [];
      if (await restoreFrom(one, { address, onWrite: (path) => void members.push(path) })) {
        return true;
      }
      await noteHalfCache(one, { cache, members });
    }
    await removeHalfCache(one, run, cache);
  }
  return false;
}

interface Source {
  readonly address: CacheAddress;
  readonly onWrite?: (path: string) => void;
}

async function restoreFrom(context: CacheContext, { address, ...rest }: Source): Promise<boolean> {
  const { build, ports, variables, signal } = context;
  await print(context, 'info', `Checking cache for ${address.title}...`);
  const file = await ports.builds.scratchFile(build.context.buildId, 'restored-cache.zip');
  const isRestored = await warnOnFailure(context, async () => {
    if (!(await fetchArchive(context, address, file))) return false;
    await extractArchive(build, { ...rest, ports, file, variables, signal });
    return true;
  });
  await ports.hostFiles.remove(file);
  if (isRestored) await print(context, 'info', 'Successfully extracted cache');
  else await print(context, 'warning', 'Failed to extract cache');
  return isRestored;
}

/**
 * Copies the archive to the node. Prefers the store's archive unless the local one is at least as
 * new.
 */
async function fetchArchive(
  context: CacheContext,
  address: CacheAddress,
  file: string,
): Promise<boolean> {
  const remote = remoteOf(context, address);
  if (remote === undefined) {
    const text =
      'No URL provided, cache will not be downloaded from shared cache server. Instead a local version of cache will be extracted.';
    await print(context, 'plain', text);
  } else {
    const local = await statLocal(context, address);
    const known = { file, localModifiedMs: local?.modifiedMs };
    const reply = await downloadCache(context, remote, known);
    if (reply.kind === 'missing' && !takesLocalInstead(context)) {
      await print(context, 'warning', 'file does not exist');
      return false;
    }
    if (reply.kind === 'downloaded') {
      await print(context, 'plain', `Downloading cache from ${reply.address}`);
      await keepLocal(context, address, { file, modifiedMs: reply.modifiedMs });
      return true;
    }
    if (reply.kind === 'up_to_date') await print(context, 'plain', 'cache.zip is up to date');
  }
  const isHere = await takeLocal(context, address, file);
  if (!isHere) await print(context, 'warning', 'Cache file does not exist');
  return isHere;
}

/**
 * Whether the local archive stands in for one that the store lacks. Source: gitlab-runner
 * `commands/helpers/cache_extractor.go` (handleGoCloudURL), which serves Azure.
 */
function takesLocalInstead({ build }: CacheContext): boolean {
  const { cache } = build.context.runner;
  return cache !== undefined && storeKindOf(cache) === 'azure';
}
