import { createHash, randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { errorMessage } from '../../domain/error-message.ts';
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
  /** Notes the drain and the pauses that are in force, in case Temporal loses them. */
  readonly standingFile: string;
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
/** Stands in the name of a claim, between `lock` and a digest of the content to be replaced. */
const CLAIM = '.claim-';

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
    standingFile: join(path, 'standing'),
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
  const reason = errorMessage(error);
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
  const draft = `${file}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, mine, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < MAX_LOCK_ATTEMPTS; attempt += 1) {
      if ((await linkIfFree(draft, file)) || (await takeOver(draft, file, log))) {
        await removeClaims(path);
        return () => letGo(file, mine);
      }
    }
  } finally {
    await rm(draft, { force: true });
  }
  throw new FinalError(FailureType.RunnerSystem, `state directory ${path} cannot be locked`);
}

/** Gives a file a second name. Atomic, because `link` does not replace. */
async function linkIfFree(file: string, name: string): Promise<boolean> {
  try {
    await link(file, name);
    return true;
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
    return false;
  }
}

/**
 * Replaces a lock whose owner has ended. Several processes may find the same lock, and one of them
 * may act on content that it read long ago. So a process first claims the right to replace a lock
 * with this content: it creates a file that is named after the content and can be created only
 * once. If the claimant has ended too, its claim is claimed in the same way. Only the claimant may
 * replace the lock, so the result of the comparison after the claim is still valid at the `rename`.
 * Returns false when the lock has changed meanwhile; throws when its owner lives.
 */
async function takeOver(draft: string, file: string, log: Log): Promise<boolean> {
  const stale = await readTextIfThere(file);
  if (stale === undefined) return false;
  await refuseLivingOwner(file, stale);
  let claim = claimTo(file, stale);
  while (!(await linkIfFree(draft, claim))) {
    const claimant = await readTextIfThere(claim);
    if (claimant === undefined) return false;
    await refuseLivingOwner(file, claimant);
    const next = claimTo(file, claimant);
    // A power cut may leave a claim empty, and it then leads to itself.
    if (next === claim) {
      await rm(claim, { force: true });
      return false;
    }
    claim = next;
  }
  if ((await readTextIfThere(file)) !== stale) {
    await rm(claim, { force: true });
    return false;
  }
  await rename(draft, file);
  log.info('lock of a process that has ended taken over', { path: file });
  return true;
}

function claimTo(file: string, content: string): string {
  return `${file}${CLAIM}${createHash('sha256').update(content).digest('hex')}`;
}

/**
 * Removes all claims. Only the owner of the lock may call this. A replaced lock's content never
 * occurs again, so its claims are of no use any more.
 */
async function removeClaims(path: string): Promise<void> {
  const names = (await readdir(path)).filter((name) => name.startsWith(`lock${CLAIM}`));
  await Promise.all(names.map((name) => rm(join(path, name), { force: true })));
}

async function refuseLivingOwner(file: string, content: string): Promise<void> {
  const owner = await livingOwner(content);
  if (owner === undefined) return;
  const message = `state directory ${dirname(file)} is in use by process ${owner}: stop it first, or set ${ENV_NAME}`;
  throw new FinalError(FailureType.RunnerSystem, message);
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
