import { execFile } from 'node:child_process';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { errorMessage } from '../../domain/error-message.ts';
import type { Log } from '../../ports/index.ts';

export interface DatabaseOptions {
  /** The `temporal` program that is about to be started. */
  readonly binary: string;
  /**
   * Contains a directory for the database of the server's version, and `earlier` for all others.
   */
  readonly stateDir: string;
  readonly log: Log;
  /** Aborts asking the program for its version. */
  readonly signal?: AbortSignal;
}

const FILE = 'temporal.db';
const DIRECTORY_PREFIX = 'database-';
const EARLIER = 'earlier';
/**
 * The path in release 0.1.0 for any server version. The write-ahead log is moved before its
 * database.
 */
const UNVERSIONED = [`${FILE}-wal`, `${FILE}-shm`, FILE];
const ANSWER_LIMIT_MS = 30_000;

const run = promisify(execFile);

/**
 * Returns the path of the SQLite file for this program's server. `start-dev` creates the tables of
 * its version in a new file and never migrates older ones, so that calls that need a newer table
 * fail. So each version begins with its own file. Files of other versions are moved aside and never
 * used again, even when that version returns, because builds that they record as running have ended
 * meanwhile. No server may be running. Throws when the program does not report its version.
 */
export async function chooseDatabase({
  binary,
  stateDir,
  log,
  signal,
}: DatabaseOptions): Promise<string> {
  const version = await askVersion(binary, signal);
  const own = `${DIRECTORY_PREFIX}${version}`;
  const moved = await setAside(stateDir, own);
  for (const earlier of moved) {
    log.warn(
      'the embedded Temporal begins with a new database, as the one before is of another version ' +
        'of the server: running builds come back from the records of this node',
      { server: version, earlier },
    );
  }
  await mkdir(join(stateDir, own), { recursive: true, mode: 0o700 });
  return join(stateDir, own, FILE);
}

/**
 * Returns the server's version in `temporal version 1.9.1 (Server 1.32.0, UI 2.54.1)`, or the whole
 * text.
 */
async function askVersion(binary: string, signal?: AbortSignal): Promise<string> {
  const limits = { timeout: ANSWER_LIMIT_MS, ...(signal && { signal }) };
  const said = await run(binary, ['--version'], limits).then(
    ({ stdout }) => stdout,
    (error: unknown) => {
      signal?.throwIfAborted();
      const reason = `${binary} is not a Temporal server: \`--version\` fails: ${errorMessage(error)}`;
      throw new Error(reason, { cause: error });
    },
  );
  const version = /\bServer v?(\d[\w.+-]*)/.exec(said)?.[1] ?? said;
  const name = version.replace(/[^\w.+-]+/g, '_').slice(0, 100);
  if (name === '')
    throw new Error(`${binary} is not a Temporal server: \`--version\` prints nothing`);
  return name;
}

/** Moves the files of other versions aside and returns their new places. */
async function setAside(stateDir: string, own: string): Promise<readonly string[]> {
  const names = await readdir(stateDir);
  const others = names.filter((name) => name.startsWith(DIRECTORY_PREFIX) && name !== own);
  const unversioned = UNVERSIONED.filter((name) => names.includes(name));
  if (others.length + unversioned.length === 0) return [];
  const moment = new Date().toISOString().replace(/[:.]/g, '-');
  await mkdir(join(stateDir, EARLIER), { recursive: true, mode: 0o700 });
  const moved: string[] = [];
  for (const name of others) {
    const earlier = join(stateDir, EARLIER, `${name}-${moment}`);
    await rename(join(stateDir, name), earlier);
    moved.push(join(earlier, FILE));
  }
  if (unversioned.length > 0) {
    const earlier = join(stateDir, EARLIER, `${DIRECTORY_PREFIX}${moment}`);
    await mkdir(earlier, { recursive: true, mode: 0o700 });
    for (const name of unversioned) await rename(join(stateDir, name), join(earlier, name));
    moved.push(join(earlier, FILE));
  }
  return moved;
}
