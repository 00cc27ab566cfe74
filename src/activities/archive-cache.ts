import type { CacheAddress } from '../domain/cache/address.ts';
import { planSave, type CacheOrder } from '../domain/cache/plan-caches.ts';
import type { SelectionOrder } from '../domain/files/selection.ts';
import { FailureType } from '../domain/failure.ts';
import type { JobCache } from '../domain/job/payload.ts';
import { harmlessly, openScene, questionOf, say, sayAll, type CacheScene } from './cache-scene.ts';
import { keepLocal, localModifiedMs, takeLocal } from './local-cache.ts';
import type { PackOrder } from './ports.ts';
import { isUploaded, remoteOf, uploadCache } from './remote-cache.ts';
import { selectFiles } from './selected-files.ts';
import type { Transfer } from './transfer.ts';

/**
 * Saves the caches that are meant to be saved after scripts that ended so. Source: gitlab-runner
 * `shells/abstract.go` (archiveCache), `commands/helpers/cache_archiver.go`.
 */
export const archiveCache: Transfer = async (build, run) => {
  const question = questionOf(build, run.ports);
  const { variables } = question;
  const end = run.request.stage.name === 'archive_cache' ? 'success' : 'failure';
  for (const order of planSave(question, end)) {
    if (order.kind === 'refused') {
      return { kind: 'system_failed', type: FailureType.RunnerSystem, message: order.message };
    }
    const scene = openScene(build, run, { index: order.index, variables });
    await sayAll(scene, order.lines);
    if (order.kind === 'wanted') await save(scene, order);
  }
  return { kind: 'succeeded' };
};

async function save(
  scene: CacheScene,
  { cache, addresses: [address] }: Extract<CacheOrder, { kind: 'wanted' }>,
): Promise<void> {
  const { build, ports } = scene;
  await say(scene, 'info', `Creating cache ${address.title}...`);
  const file = await ports.builds.scratchFile(build.context.buildId, 'saved-cache.zip');
  const order = await selectionOf(scene, cache);
  const isSaved = await harmlessly(scene, async () => {
    if (await isUpToDate(scene, order, address)) await uploadMissing(scene, address, file);
    else await saveAnew(scene, { order, address, file });
    return true;
  });
  await ports.hostFiles.remove(file);
  if (isSaved) await say(scene, 'info', 'Created cache');
  else await say(scene, 'warning', 'Failed to create cache');
}

async function selectionOf({ variables }: CacheScene, cache: JobCache): Promise<SelectionOrder> {
  return Promise.resolve({
    projectDir: variables.projectDir,
    paths: cache.paths.map((path) => variables.expand(path)),
    exclude: [],
    untracked: undefined,
    subject: 'cache',
  });
}

/**
 * Whether the local archive holds all files as they are. To read their names and times costs a
 * fraction of packing them. The times are whole seconds: what was written in the same one counts as
 * newer.
 */
async function isUpToDate(
  scene: CacheScene,
  order: SelectionOrder,
  address: CacheAddress,
): Promise<boolean> {
  const localMs = await localModifiedMs(scene, address);
  if (localMs === undefined) return false;
  const selected = selectFiles(scene, order);
  for await (const { modifiedMs } of selected.members) if (modifiedMs >= localMs) return false;
  if (selected.count() === 0) return false;
  await sayAll(scene, selected.lines());
  await say(scene, 'plain', 'Archive is up to date!');
  return true;
}

/** Another runner may have emptied the store, or it may have been away when the archive was made. */
async function uploadMissing(
  scene: CacheScene,
  address: CacheAddress,
  file: string,
): Promise<void> {
  const remote = remoteOf(scene, address);
  if (remote === undefined || (await isUploaded(scene, remote))) return;
  const modifiedMs = await localModifiedMs(scene, address);
  if (modifiedMs === undefined || !(await takeLocal(scene, address, file))) return;
  const { sizeBytes } = await scene.ports.hostFiles.open(file);
  await uploadCache(scene, address, { file, sizeBytes, modifiedMs });
}

interface SaveOrder {
  readonly order: SelectionOrder;
  readonly address: CacheAddress;
  readonly file: string;
}

async function saveAnew(scene: CacheScene, { order, address, file }: SaveOrder): Promise<void> {
  const { ports } = scene;
  // What is written while it is packed is newer than the archive.
  const modifiedMs = Math.floor(ports.clock.nowMs() / 1000) * 1000;
  const selected = selectFiles(scene, order);
  const packing = { ...(await packOrder(scene)), file, signal: scene.signal };
  const { sizeBytes } = await ports.archives.pack(packing, selected.members);
  await sayAll(scene, selected.lines());
  if (selected.count() === 0) return;
  await keepLocal(scene, address, { file, modifiedMs });
  await uploadCache(scene, address, { file, sizeBytes, modifiedMs });
}

const LEVELS = ['fastest', 'fast', 'default', 'slow', 'slowest'] as const;

async function packOrder(scene: CacheScene): Promise<Pick<PackOrder, 'format' | 'level'>> {
  const { variables } = scene;
  const wanted = variables.get('CACHE_COMPRESSION_LEVEL').toLowerCase();
  const level = LEVELS.find((known) => known === wanted);
  if (level === undefined && wanted !== '') {
    const text = `CACHE_COMPRESSION_LEVEL: compression level "${wanted.slice(0, 100)}" is invalid, falling back to default`;
    await say(scene, 'warning', text);
  }
  const format = variables.get('CACHE_COMPRESSION_FORMAT').toLowerCase();
  if (format === 'tarzstd' || format === 'zipzstd') {
    const text = `CACHE_COMPRESSION_FORMAT: ${format} is not supported by this runner yet, using zip`;
    await say(scene, 'warning', text);
  }
  return { format: 'zip', level: level ?? 'default' };
}
