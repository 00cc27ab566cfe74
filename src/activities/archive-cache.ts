import type { CacheAddress } from '../domain/cache/address.ts';
import { planSave, type CacheOrder } from '../domain/cache/plan-caches.ts';
import { expandPaths, shellLookup } from '../domain/files/expand-paths.ts';
import { planSelection, type SelectionOrder } from '../domain/files/selection.ts';
import { FailureType } from '../domain/failure.ts';
import type { JobCache } from '../domain/job/payload.ts';
import { harmlessly, openScene, questionOf, say, sayAll, type CacheScene } from './cache-scene.ts';
import { takeExports } from './exports.ts';
import { listFiles, type FileNames } from './file-lists.ts';
import type { LiveBuild } from './live-builds.ts';
import { keepLocal, localModifiedMs, takeLocal } from './local-cache.ts';
import type { FileMember, PackOrder } from './ports.ts';
import { isUploaded, remoteOf, uploadCache } from './remote-cache.ts';
import { listedFiles, selectedFiles, type Selected } from './selected-files.ts';
import type { Transfer, TransferRun } from './transfer-run.ts';

/**
 * Saves the caches that are meant to be saved after scripts that ended so. Source: gitlab-runner
 * `shells/abstract.go` (archiveCache), `commands/helpers/cache_archiver.go`.
 */
export const archiveCache: Transfer = async (build, run) => {
  await takeExports(build, run);
  const question = questionOf(build, run.ports);
  const { variables } = question;
  const end = run.request.stage.name === 'archive_cache' ? 'success' : 'failure';
  const orders = planSave(question, end);
  const refused = orders.find((order) => order.kind === 'refused');
  if (refused !== undefined) {
    return { kind: 'system_failed', type: FailureType.RunnerSystem, message: refused.message };
  }
  const names = orders.some(({ kind }) => kind === 'wanted') ? await namesOf(build, run) : NO_NAMES;
  for (const order of orders) {
    if (order.kind === 'refused') continue;
    const scene = { ...openScene(build, run, { index: order.index, variables }), names };
    await sayAll(scene, order.lines);
    if (order.kind === 'wanted') await save(scene, order);
  }
  return { kind: 'succeeded' };
};

const NO_NAMES: FileNames = { found: undefined, untracked: undefined };

/** What could not be listed is told by the listing itself, and does without. */
async function namesOf(build: LiveBuild, run: TransferRun): Promise<FileNames> {
  const listing = await listFiles(build, run);
  run.signal.throwIfAborted();
  return listing.kind === 'listed' ? listing.names : NO_NAMES;
}

interface SaveScene extends CacheScene {
  readonly names: FileNames;
}

async function save(
  scene: SaveScene,
  { cache, addresses: [address] }: Extract<CacheOrder, { kind: 'wanted' }>,
): Promise<void> {
  const { build, ports } = scene;
  await say(scene, 'info', `Creating cache ${address.title}...`);
  const file = await ports.builds.scratchFile(build.context.buildId, 'saved-cache.zip');
  const isSaved = await harmlessly(scene, async () => {
    const order = await selectionOf(scene, cache);
    if (await isUpToDate(scene, order, address)) await uploadMissing(scene, address, file);
    else await saveAnew(scene, { order, address, file });
    return true;
  });
  await ports.hostFiles.remove(file);
  if (isSaved) await say(scene, 'info', 'Created cache');
  else await say(scene, 'warning', 'Failed to create cache');
}

async function selectionOf(scene: SaveScene, cache: JobCache): Promise<SelectionOrder> {
  const { variables, names } = scene;
  const { paths, lines } = expandPaths(cache.paths, shellLookup(variables));
  await sayAll(scene, lines);
  return {
    projectDir: variables.projectDir,
    paths,
    exclude: [],
    untracked: cache.untracked ? (names.untracked ?? []) : undefined,
    subject: 'cache',
  };
}

function select(scene: SaveScene, order: SelectionOrder): Selected {
  const selection = planSelection(order);
  const { found } = scene.names;
  const names = [...(found ?? []), ...(order.untracked ?? [])];
  const isListed = selection.needsListing ? found !== undefined : order.paths.length === 0;
  let count = 0;
  const members = async function* (): AsyncGenerator<FileMember> {
    const kept = isListed ? listedFiles(scene, selection, names) : selectedFiles(scene, selection);
    for await (const member of kept) {
      count += 1;
      yield member;
    }
  };
  return { members: members(), lines: selection.lines, count: () => count };
}

/**
 * Whether the local archive holds all files as they are. To read their names and times costs a
 * fraction of packing them. The times are whole seconds: what was written in the same one counts as
 * newer.
 */
async function isUpToDate(
  scene: SaveScene,
  order: SelectionOrder,
  address: CacheAddress,
): Promise<boolean> {
  const localMs = await localModifiedMs(scene, address);
  if (localMs === undefined) return false;
  const selected = select(scene, order);
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

async function saveAnew(scene: SaveScene, { order, address, file }: SaveOrder): Promise<void> {
  const { ports } = scene;
  // What is written while it is packed is newer than the archive.
  const modifiedMs = Math.floor(ports.clock.nowMs() / 1000) * 1000;
  const selected = select(scene, order);
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
  return { format: await formatOf(scene), level: level ?? 'default' };
}

async function formatOf(scene: CacheScene): Promise<PackOrder['format']> {
  const format = scene.variables.get('CACHE_COMPRESSION_FORMAT').toLowerCase();
  if (format !== 'tarzstd' && format !== 'zipzstd') return 'zip';
  if (scene.ports.archives.canPack(format)) return format;
  const text = `CACHE_COMPRESSION_FORMAT: ${format} cannot be packed on this node, using zip`;
  await say(scene, 'warning', text);
  return 'zip';
}
