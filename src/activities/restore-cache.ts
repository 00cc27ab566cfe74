import type { CacheAddress } from '../domain/cache/address.ts';
import { planRestore, type CacheOrder } from '../domain/cache/plan-caches.ts';
import { FailureType } from '../domain/failure.ts';
import {
  harmlessly,
  openScene,
  part,
  questionOf,
  say,
  sayAll,
  type CacheScene,
} from './cache-scene.ts';
import { extractArchive } from './extract-archive.ts';
import { keepLocal, localModifiedMs, takeLocal } from './local-cache.ts';
import { isHalfCacheNoted, noteHalfCache, removeHalfCache } from './remove-half-cache.ts';
import { downloadCache, remoteOf } from './remote-cache.ts';
import type { Transfer, TransferRun } from './transfer-run.ts';

/**
 * Puts the job's caches back where they were, each by the first of its keys under which there is
 * one. Source: gitlab-runner `shells/abstract.go` (cacheExtractor),
 * `commands/helpers/cache_extractor.go`.
 */
export const restoreCache: Transfer = async (build, run) => {
  const question = questionOf(build, run.ports);
  const { variables } = question;
  for (const order of planRestore(question)) {
    if (order.kind === 'refused') {
      return { kind: 'system_failed', type: FailureType.RunnerSystem, message: order.message };
    }
    const scene = openScene(build, run, { index: order.index, variables });
    await sayAll(scene, order.lines);
    if (order.kind === 'wanted') await restoreFirst(scene, { run, order });
  }
  return { kind: 'succeeded' };
};

interface Restoring {
  readonly run: TransferRun;
  readonly order: Extract<CacheOrder, { kind: 'wanted' }>;
}

async function restoreFirst(scene: CacheScene, { run, order }: Restoring): Promise<void> {
  const { cache, addresses } = order;
  const leavesNothing = scene.variables.featureFlags.isOn('FF_CLEAN_UP_FAILED_CACHE_EXTRACT');
  for (const [position, address] of addresses.entries()) {
    const one = part(scene, position);
    if (!leavesNothing) {
      if (await restoreFrom(one, { address })) return;
      continue;
    }
    if (!(await isHalfCacheNoted(one))) {
      const members: string[] = [];
      if (await restoreFrom(one, { address, onWrite: (path) => void members.push(path) })) return;
      await noteHalfCache(one, { cache, members });
    }
    await removeHalfCache(one, run, cache);
  }
}

interface Source {
  readonly address: CacheAddress;
  readonly onWrite?: (path: string) => void;
}

async function restoreFrom(scene: CacheScene, { address, ...rest }: Source): Promise<boolean> {
  const { build, ports, variables, signal } = scene;
  await say(scene, 'info', `Checking cache for ${address.title}...`);
  const file = await ports.builds.scratchFile(build.context.buildId, 'restored-cache.zip');
  const isRestored = await harmlessly(scene, async () => {
    if (!(await fetchArchive(scene, address, file))) return false;
    await extractArchive(build, { ...rest, ports, file, variables, signal });
    return true;
  });
  await ports.hostFiles.remove(file);
  if (isRestored) await say(scene, 'info', 'Successfully extracted cache');
  else await say(scene, 'warning', 'Failed to extract cache');
  return isRestored;
}

/** Brings the archive to the node. What the store has goes before what lies here, unless as old. */
async function fetchArchive(
  scene: CacheScene,
  address: CacheAddress,
  file: string,
): Promise<boolean> {
  const remote = remoteOf(scene, address);
  if (remote === undefined) {
    const text =
      'No URL provided, cache will not be downloaded from shared cache server. Instead a local version of cache will be extracted.';
    await say(scene, 'plain', text);
  } else {
    const localMs = await localModifiedMs(scene, address);
    const reply = await downloadCache(scene, remote, { file, localModifiedMs: localMs });
    if (reply.kind === 'missing') {
      await say(scene, 'warning', 'file does not exist');
      return false;
    }
    if (reply.kind === 'downloaded') {
      await say(scene, 'plain', `Downloading cache from ${reply.address}`);
      await keepLocal(scene, address, { file, modifiedMs: reply.modifiedMs });
      return true;
    }
    await say(scene, 'plain', 'cache.zip is up to date');
  }
  const isHere = await takeLocal(scene, address, file);
  if (!isHere) await say(scene, 'warning', 'Cache file does not exist');
  return isHere;
}
