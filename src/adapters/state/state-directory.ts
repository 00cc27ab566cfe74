import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { Log } from '../../ports/index.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { readTextIfThere } from './durable-files.ts';
import { describeProcess } from './process-identity.ts';
import { errorCode } from '../host/error-code.ts';

export interface StateDirectoryOptions {
  readonly configPath: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

export interface StatePaths {
  readonly path: string;
  readonly buildsDir: string;
  readonly temporalDir: string;
  /** Notes about the cache volumes in Docker. */
  readonly cachesDir: string;
  /** Keys that encrypt everything in Temporal and on disk. */
  readonly keyRingFile: string;
  /** Address and token of the codec server that belongs to the embedded Temporal. */
  readonly codecEndpointFile: string;
  /** Contains the name of this state directory. */
  readonly installationFile: string;
  /** Where a running node answers the command `status`. */
  readonly statusSocket: string;
  /** Certificate and key of the session server, encrypted. */
  readonly sessionCertificateFile: string;
  /** Contains the name of the last process that ended properly. */
  readonly leaverFile: string;
}

/**
 * The directory where a node keeps everything that must outlive its process. Only one process uses
 * it at a time.
 */
export interface StateDirectory extends StatePaths {
  /** Releases the lock. Idempotent. */
  release(): Promise<void>;
}

const ENV_NAME = 'TEMPORAL_GITLAB_RUNNER_STATE_DIR';
const DEFAULT_NAME = 'temporal-gitlab-runner';
const MAX_LOCK_ATTEMPTS = 10;

/** Returns the paths in the directory, for callers that only read. */
export function stateDirectoryPaths(options: StatePlace): StatePaths {
  const path = rootOf(options);
  return {
    path,
    buildsDir: join(path, 'builds'),
    temporalDir: join(path, 'temporal'),
    cachesDir: join(path, 'caches'),
    keyRingFile: join(path, 'keys', 'payload.json'),
    codecEndpointFile: join(path, 'codec-endpoint'),
    installationFile: join(path, 'installation'),
    statusSocket: join(path, 'status.sock'),
    sessionCertificateFile: join(path, 'session-certificate'),
    leaverFile: join(path, 'last-process'),
  };
}

export interface StatePlace extends Pick<StateDirectoryOptions, 'configPath' | 'env'> {
  /**
   * The directory that the node was last seen to use. Only for commands; a node uses its
   * environment.
   */
  readonly noted?: string | undefined;
}

function rootOf({ configPath, env, noted }: StatePlace): string {
  const given = env[ENV_NAME] ?? '';
  // The path is absolute, because Docker mounts files of the directory.
  return resolve(given === '' ? (noted ?? join(dirname(configPath), DEFAULT_NAME)) : given);
}

/**
 * Opens the directory (0700), created when absent. Throws RunnerSystem when it is in use or
 * unusable.
 */
export async function openStateDirectory(options: StateDirectoryOptions): Promise<StateDirectory> {
  const path = rootOf(options);
  const paths = stateDirectoryPaths(options);
  const { buildsDir, temporalDir, keyRingFile } = paths;
  try {
    await makePrivate(path);
    await Promise.all([buildsDir, temporalDir, dirname(keyRingFile)].map(makePrivate));
  } catch (error) {
    throw unusable(path, error);
  }
  return { ...paths, release: await lock(path, options.log) };
}

async function makePrivate(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
}

function unusable(path: string, error: unknown): FinalError {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `state directory ${path} cannot be used: ${reason}; ${ENV_NAME} names another`;
  return new FinalError(FailureType.RunnerSystem, message, { cause: error });
}

/**
 * Takes a lock file that names its owner. The file outlives `kill -9`, so it counts only while that
 * process lives. Processes of another pid namespace are invisible, so they must not share a
 * directory.
 */
async function lock(path: string, log: Log): Promise<() => Promise<void>> {
  const file = join(path, 'lock');
  const mine = `${process.pid} ${await describeProcess(process.pid)} ${randomBytes(8).toString('hex')}\n`;
  for (let attempt = 0; attempt < MAX_LOCK_ATTEMPTS; attempt += 1) {
    if (await tryToTake(file, mine)) return () => letGo(file, mine);
    const held = await readTextIfThere(file);
    if (held === undefined) continue;
    const owner = await livingOwner(held);
    if (owner !== undefined) {
      const message = `state directory ${path} is in use by process ${owner}: stop it first, or set ${ENV_NAME}`;
      throw new FinalError(FailureType.RunnerSystem, message);
    }
    log.info('lock of a process that has ended taken over', { path: file });
    await removeStale(file, held);
  }
  throw new FinalError(FailureType.RunnerSystem, `state directory ${path} cannot be locked`);
}

/** Creates the lock with its content atomically: `link` does not replace. */
async function tryToTake(file: string, content: string): Promise<boolean> {
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, content, { mode: 0o600 });
  try {
    await link(draft, file);
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Removes a stale lock. Two processes may find the same one. A process that has moved a fresh lock
 * away by mistake restores it.
 */
async function removeStale(file: string, stale: string): Promise<void> {
  const moved = `${file}.${randomBytes(4).toString('hex')}`;
  try {
    await rename(file, moved);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  if ((await readTextIfThere(moved)) !== stale) await link(moved, file).catch(() => undefined);
  await rm(moved, { force: true });
}

async function livingOwner(content: string): Promise<number | undefined> {
  const [pid, identity] = content.trim().split(' ');
  const owner = Number(pid);
  if (!Number.isSafeInteger(owner) || owner <= 0) return undefined;
  return (await describeProcess(owner)) === identity ? owner : undefined;
}

async function letGo(file: string, mine: string): Promise<void> {
  if ((await readTextIfThere(file)) === mine) await rm(file, { force: true });
}
