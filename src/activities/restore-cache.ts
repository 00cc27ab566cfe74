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
import { downloadCache, remoteOf } from './remote-cache.ts';
import type { Transfer } from './transfer-run.ts';

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
    if (order.kind === 'wanted') await restoreFirst(scene, order);
  }
  return { kind: 'succeeded' };
};

async function restoreFirst(
  scene: CacheScene,
  { addresses }: Extract<CacheOrder, { kind: 'wanted' }>,
): Promise<void> {
  for (const [position, address] of addresses.entries()) {
    if (await restoreFrom(part(scene, position), address)) return;
  }
}

async function restoreFrom(scene: CacheScene, address: CacheAddress): Promise<boolean> {
  const { build, ports, variables, signal } = scene;
  await say(scene, 'info', `Checking cache for ${address.title}...`);
  const file = await ports.builds.scratchFile(build.context.buildId, 'restored-cache.zip');
  const isRestored = await harmlessly(scene, async () => {
    if (!(await fetchArchive(scene, address, file))) return false;
    await extractArchive(build, { ports, file, variables, signal });
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
