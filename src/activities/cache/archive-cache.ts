import type { CacheAddress } from '../../domain/cache/address.ts';
import { planSave, type PlannedCache } from '../../domain/cache/plan-caches.ts';
import { readCompressionLevel } from '../../domain/files/compression-level.ts';
import { systemFailure } from '../../domain/context/outcome.ts';
import { expandPaths, shellLookup } from '../../domain/files/expand-paths.ts';
import { planSelection, type SelectionOptions } from '../../domain/files/selection.ts';
import type { JobCache } from '../../domain/job/payload.ts';
import {
  warnOnFailure,
  openCacheContext,
  cacheInputOf,
  print,
  printAll,
  type CacheContext,
} from './cache-context.ts';
import { takeExports } from '../files/exports.ts';
import { defineNote, parseFlag, type Note } from '../build/note.ts';
import { listFiles, type FileNames } from '../files/file-lists.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import { keepLocal, statLocal, takeLocal } from './local-cache.ts';
import type { FileMember, PackOptions } from '../../ports/index.ts';
import { isTooLarge, isUploaded, remoteOf, uploadCache } from './remote-cache.ts';
import { listedFiles, selectedFiles, type Selected } from '../files/selected-files.ts';
import type { Transfer, TransferRun } from '../files/transfer-run.ts';

/**
 * Saves the caches that apply to the way the scripts ended. Source: gitlab-runner
 * `shells/abstract.go` (archiveCache), `commands/helpers/cache_archiver.go`.
 */
export const archiveCache: Transfer = async (build, run) => {
  await takeExports(build, run);
  const input = cacheInputOf(build, run.ports);
  const { variables } = input;
  const end = run.request.stage.name === 'archive_cache' ? 'success' : 'failure';
  const entries = planSave(input, end);
  const refused = entries.find((options) => options.kind === 'refused');
  if (refused !== undefined) {
    return systemFailure(refused.message);
  }
  const names = entries.some(({ kind }) => kind === 'wanted')
    ? await namesOf(build, run)
    : NO_NAMES;
  let isIncomplete = false;
  for (const options of entries) {
    if (options.kind === 'refused') continue;
    const context = { ...openCacheContext(build, run, { index: options.index, variables }), names };
    await printAll(context, options.lines);
    if (options.kind === 'wanted' && !(await save(context, options))) isIncomplete = true;
  }
  return { kind: 'succeeded', ...(isIncomplete && { isIncomplete }) };
};

const NO_NAMES: FileNames = { found: undefined, untracked: undefined };

/**
 * Returns the names to save. The listing itself reports names that could not be listed, and the
 * cache is saved without them.
 */
async function namesOf(build: LiveBuild, run: TransferRun): Promise<FileNames> {
  const listing = await listFiles(build, run);
  run.signal.throwIfAborted();
  return listing.kind === 'listed' ? listing.names : NO_NAMES;
}

interface SaveContext extends CacheContext {
  readonly names: FileNames;
}

async function save(
  context: SaveContext,
  { cache, addresses: [address] }: Extract<PlannedCache, { kind: 'wanted' }>,
): Promise<boolean> {
  const { build, ports } = context;
  await print(context, 'info', `Creating cache ${address.title}...`);
  const file = await ports.builds.scratchFile(build.context.buildId, 'saved-cache.zip');
  const isSaved = await warnOnFailure(context, async () => {
    const options = await selectionOf(context, cache);
    if (await isUpToDate(context, options, address)) await uploadMissing(context, address, file);
    else await saveAnew(context, { selection: options, address, file });
    return true;
  });
  await ports.hostFiles.remove(file);
  if (isSaved) await print(context, 'info', 'Created cache');
  else await print(context, 'warning', 'Failed to create cache');
  return isSaved;
}

async function selectionOf(context: SaveContext, cache: JobCache): Promise<SelectionOptions> {
  const { variables, names } = context;
  const { paths, lines } = expandPaths(cache.paths, shellLookup(variables));
  await printAll(context, lines);
  return {
    projectDir: variables.projectDir,
    paths,
    exclude: [],
    untracked: cache.untracked ? (names.untracked ?? []) : undefined,
    subject: 'cache',
  };
}

function select(context: SaveContext, options: SelectionOptions): Selected {
  const selection = planSelection(options);
  const { found } = context.names;
  const names = [...(found ?? []), ...(options.untracked ?? [])];
  const isListed = selection.needsListing ? found !== undefined : options.paths.length === 0;
  let count = 0;
  const members = async function* (): AsyncGenerator<FileMember> {
    const kept = isListed
      ? listedFiles(context, selection, names)
      : selectedFiles(context, selection);
    for await (const member of kept) {
      count += 1;
      yield member;
    }
  };
  return { members: members(), lines: selection.lines, count: () => count };
}

/**
 * Whether the local archive has all files in their current state. Reading names and times costs a
 * fraction of packing the files. Times are whole seconds, so a file that was written in the second
 * of the archive counts as newer.
 */
async function isUpToDate(
  context: SaveContext,
  options: SelectionOptions,
  address: CacheAddress,
): Promise<boolean> {
  const local = await statLocal(context, address);
  if (local === undefined) return false;
  const selected = select(context, options);
  for await (const { modifiedMs } of selected.members) {
    if (modifiedMs >= local.modifiedMs) return false;
  }
  if (selected.count() === 0) return false;
  await printAll(context, selected.lines());
  // Otherwise this job has made it, before its upload was cut off.
  if (!(await isUnsent(context))) await print(context, 'plain', 'Archive is up to date!');
  return true;
}

/** Whether this job has made a new local archive that the store does not have yet. */
async function isUnsent({ build, ports, index }: CacheContext): Promise<boolean> {
  return (await unsentNote(index).read(build.context.buildId, ports)) === true;
}

async function noteUnsent({ build, ports, index }: CacheContext, isUnsent: boolean): Promise<void> {
  await unsentNote(index).write(build.context.buildId, isUnsent, ports);
}

function unsentNote(index: number): Note<boolean> {
  return defineNote(`unsent cache ${index}`, parseFlag);
}

/**
 * Uploads the local archive when the store lacks it: another runner may have emptied the store, the
 * store was unavailable when the archive was made, or the upload was cut off.
 */
async function uploadMissing(
  context: CacheContext,
  address: CacheAddress,
  file: string,
): Promise<void> {
  const remote = remoteOf(context, address);
  if (remote === undefined) return;
  if (!(await isUnsent(context)) && (await isUploaded(context, remote))) return;
  const local = await statLocal(context, address);
  if (local === undefined || (await isTooLarge(context, local.sizeBytes))) return;
  if (!(await takeLocal(context, address, file))) return;
  const { sizeBytes } = await context.ports.hostFiles.open(file);
  await uploadCache(context, address, { file, sizeBytes, modifiedMs: local.modifiedMs });
  await noteUnsent(context, false);
}

interface SaveOptions {
  readonly selection: SelectionOptions;
  readonly address: CacheAddress;
  readonly file: string;
}

async function saveAnew(
  context: SaveContext,
  { selection, address, file }: SaveOptions,
): Promise<void> {
  const { ports } = context;
  // Takes the time before packing, because a file that changes while it is packed is newer than the
  // archive.
  const modifiedMs = Math.floor(ports.clock.nowMs() / 1000) * 1000;
  const selected = select(context, selection);
  const packing = { ...(await packOptions(context)), file, signal: context.signal };
  const { sizeBytes } = await ports.archives.pack(packing, selected.members);
  await printAll(context, selected.lines());
  if (selected.count() === 0) return;
  const hasStore = remoteOf(context, address) !== undefined;
  if (hasStore) await noteUnsent(context, true);
  await keepLocal(context, address, { file, modifiedMs });
  await uploadCache(context, address, { file, sizeBytes, modifiedMs });
  if (hasStore) await noteUnsent(context, false);
}

async function packOptions(context: CacheContext): Promise<Pick<PackOptions, 'format' | 'level'>> {
  const wanted = context.variables.get('CACHE_COMPRESSION_LEVEL').toLowerCase();
  const { level, warning } = readCompressionLevel(wanted);
  if (warning !== undefined) {
    await print(context, 'warning', `CACHE_COMPRESSION_LEVEL: ${warning}`);
  }
  return { format: await formatOf(context), level };
}

async function formatOf(context: CacheContext): Promise<PackOptions['format']> {
  const format = context.variables.get('CACHE_COMPRESSION_FORMAT').toLowerCase();
  if (format !== 'tarzstd' && format !== 'zipzstd') return 'zip';
  if (context.ports.archives.canPack(format)) return format;
  const text = `CACHE_COMPRESSION_FORMAT: ${format} cannot be packed on this node, using zip`;
  await print(context, 'warning', text);
  return 'zip';
}
