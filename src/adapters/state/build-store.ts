import { createHash } from 'node:crypto';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildDraft, BuildStore } from '../../ports/index.ts';
import type { BuildContext } from '../../domain/context/context.ts';
import { parseContext } from '../../domain/context/parse-context.ts';
import { smallestFree } from '../../domain/build/concurrent-id.ts';
import { errorMessage } from '../../domain/error-message.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { DOCKER_DEFAULTS } from '../../domain/runner/docker-config.ts';
import { createNotes, NOTES, type PathOf } from './build-notes.ts';
import type { Cipher } from './cipher.ts';
import {
  draftOf,
  isThere,
  readIfThere,
  syncDirectory,
  syncIfThere,
  writeDurably,
} from './durable-files.ts';
import { decryptJson, encryptJson, keyIdOf } from './encrypted-files.ts';
import { createPipeStock } from './pipe-stock.ts';
import { READABLE_BY_JOB } from './wake-pipe.ts';
import { createStageFiles } from './stage-files.ts';

export interface BuildStoreOptions {
  /** `<state>/builds`: one directory for each build, 0700. */
  readonly directory: string;
  readonly cipher: Cipher;
}

const RECORD = 'record';
/** Named pipes for later builds. They are inside `builds`, because it may be a separate mount. */
const PIPES = '.pipes';

/**
 * Creates the store of the node's records of its builds. Everything that a restart needs is written
 * before it is used.
 */
export async function createBuildStore(options: BuildStoreOptions): Promise<BuildStore> {
  const { directory, cipher } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const cache = new Map<string, BuildContext>();
  /** Records that are being written. Callers that ask for one wait until it is durable. */
  const saving = new Map<string, Promise<BuildContext>>();
  const path: PathOf = (buildId, ...rest) => join(buildDirectory(directory, buildId), ...rest);

  const notes = createNotes(path);
  const pipes = createPipeStock({ directory: join(directory, PIPES), mode: READABLE_BY_JOB });

  for (const name of await readdir(directory)) {
    const folder = join(directory, name);
    const record = await findRecord(folder, cipher);
    // Without a record, either nothing of the build had begun or all of it had ended. The pipes of
    // the last process go too.
    if (record === undefined) await rm(folder, { recursive: true, force: true });
    else cache.set(record.buildId, record);
  }

  const save = async (context: BuildContext): Promise<BuildContext> => {
    const { buildId } = context;
    try {
      // Also makes the directory of the notes. Writing the record makes both directories durable.
      await mkdir(path(buildId, NOTES), { recursive: true, mode: 0o700 });
      await syncDirectory(directory);
      await writeDurably(path(buildId, RECORD), encryptJson(context, cipher));
      return context;
    } catch (error) {
      // Nothing durable exists, so the job is not ours.
      cache.delete(buildId);
      notes.forget(buildId);
      await rm(path(buildId), { recursive: true, force: true }).catch(() => undefined);
      throw error;
    } finally {
      saving.delete(buildId);
    }
  };

  const records = createRecords({ cache, saving, path, cipher, forget: notes.forget });

  return {
    create: async (draft) => {
      const known = saving.get(draft.buildId) ?? cache.get(draft.buildId);
      if (known !== undefined) return known;
      const context = assignConcurrentIds(draft, [...cache.values()]);
      // The record is cached at once, so that two jobs that arrive together cannot get the same
      // numbers.
      cache.set(context.buildId, context);
      notes.begin(context.buildId);
      const saved = save(context);
      saving.set(context.buildId, saved);
      return saved;
    },
    keep: async (buildId, additions) => {
      const context = { ...knownBuild(cache, buildId), ...additions };
      await writeDurably(path(buildId, RECORD), encryptJson(context, cipher));
      cache.set(buildId, context);
    },
    read: (buildId) => Promise.resolve(cache.get(buildId)),
    ...records,
    list: () => Promise.resolve([...cache.keys()]),
    directory: (buildId) => path(buildId),
    readNote: notes.read,
    writeNote: notes.write,
    ...createStageFiles(path, pipes),
    scratchFile: (buildId, name) => makeScratchFile(path(buildId, 'scratch'), name),
  };
}

interface Records {
  readonly cache: Map<string, BuildContext>;
  readonly saving: ReadonlyMap<string, Promise<BuildContext>>;
  readonly path: PathOf;
  readonly cipher: Cipher;
  /** Forgets everything else that is known of a build that is removed. */
  readonly forget: (buildId: string) => void;
}

/**
 * Creates the cache of records. It distinguishes a record that somebody deleted from one that is
 * removed here.
 */
function createRecords({
  cache,
  saving,
  path,
  cipher,
  forget,
}: Records): Pick<BuildStore, 'readFromDisk' | 'remove'> {
  const removing = new Set<string>();
  const looking = new Map<string, Promise<BuildContext | undefined>>();

  const writeAgain = async (known: BuildContext): Promise<BuildContext> => {
    const { buildId } = known;
    const context = { ...known, lostFiles: path(buildId) };
    await mkdir(path(buildId), { recursive: true, mode: 0o700 });
    await writeDurably(path(buildId, RECORD), encryptJson(context, cipher));
    cache.set(buildId, context);
    return context;
  };
  const look = async (buildId: string): Promise<BuildContext | undefined> => {
    await saving.get(buildId);
    const isOnDisk = await isThere(path(buildId, RECORD));
    const known = cache.get(buildId);
    return isOnDisk || known === undefined || removing.has(buildId) ? known : writeAgain(known);
  };
  const remove = async (buildId: string): Promise<void> => {
    // The record is deleted first, so that a partly removed build cannot look like a running one.
    const folder = path(buildId);
    if (cache.has(buildId)) {
      await rm(join(folder, RECORD), { force: true });
      await syncIfThere(folder);
    }
    await rm(folder, { recursive: true, force: true });
    forget(buildId);
    cache.delete(buildId);
  };
  return {
    readFromDisk: (buildId) => {
      const known = looking.get(buildId) ?? look(buildId).finally(() => looking.delete(buildId));
      looking.set(buildId, known);
      return known;
    },
    remove: async (buildId) => {
      removing.add(buildId);
      await remove(buildId).finally(() => removing.delete(buildId));
    },
  };
}

function knownBuild(cache: ReadonlyMap<string, BuildContext>, buildId: string): BuildContext {
  const known = cache.get(buildId);
  if (known === undefined) throw new Error(`this node has no record of ${buildId}`);
  return known;
}

/**
 * Finds the record. It also accepts one that was written completely but not renamed when the
 * process died, because GitLab has handed that job out. The authentication tag shows whether it is
 * complete.
 */
async function findRecord(folder: string, cipher: Cipher): Promise<BuildContext | undefined> {
  const file = join(folder, RECORD);
  const encrypted = await readIfThere(file);
  if (encrypted !== undefined) return decryptRecord(file, encrypted, cipher);
  const draft = await readIfThere(draftOf(file));
  const context = draft && openWhole(file, draft, cipher);
  if (context === undefined) return undefined;
  await rename(draftOf(file), file);
  await syncDirectory(folder);
  return context;
}

function openWhole(file: string, draft: Buffer, cipher: Cipher): BuildContext | undefined {
  try {
    return decryptRecord(file, draft, cipher);
  } catch (error) {
    const keyId = keyIdOf(draft);
    // The record may be complete, but only its key can tell.
    if (keyId !== undefined && !cipher.knows(keyId)) throw error;
    return undefined;
  }
}

/**
 * Reads the record in a build's directory, for callers that only read; undefined when there is
 * none.
 */
export async function readRecord(
  folder: string,
  cipher: Cipher,
): Promise<BuildContext | undefined> {
  const file = join(folder, RECORD);
  const encrypted = await readIfThere(file);
  return encrypted && decryptRecord(file, encrypted, cipher);
}

function decryptRecord(file: string, content: Buffer, cipher: Cipher): BuildContext {
  try {
    const record = parseContext(decryptJson(content, cipher));
    if (record === undefined) throw new Error('it is not the record of a build');
    return withDefaults(record);
  } catch (error) {
    throw new FinalError(
      FailureType.RunnerSystem,
      `record of a build ${file} cannot be read: ${errorMessage(error)}; ` +
        'bring back the key, or remove its directory to give the job up',
      { cause: error },
    );
  }
}

/** Adds the fields that an older release did not write. */
function withDefaults(record: BuildContext): BuildContext {
  const docker = { ...DOCKER_DEFAULTS, ...record.runner.docker };
  return { ...record, runner: { ...record.runner, docker } };
}

function assignConcurrentIds(draft: BuildDraft, others: readonly BuildContext[]): BuildContext {
  const ofRunner = others.filter(({ runner }) => runner.key === draft.runner.key);
  const ofProject = ofRunner.filter(
    ({ job }) => job.job_info.project_id === draft.job.job_info.project_id,
  );
  return {
    ...draft,
    concurrentId: smallestFree(ofRunner.map(({ concurrentId }) => concurrentId)),
    concurrentProjectId: smallestFree(
      ofProject.map(({ concurrentProjectId }) => concurrentProjectId),
    ),
  };
}

/** Returns a directory name that is readable, short, and safe for any coordinator address. */
export function buildDirectory(directory: string, buildId: string): string {
  const readable = buildId.replace(/[^A-Za-z0-9.-]+/g, '_').slice(-60);
  const hash = createHash('sha256').update(buildId).digest('hex').slice(0, 8);
  return join(directory, `${readable}-${hash}`);
}

async function makeScratchFile(folder: string, name: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return join(folder, name);
}
