import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { EnvHttpProxyAgent, fetch } from 'undici';
import type { Log } from '../../activities/ports.ts';
import { unpackProgram } from './cli-archive.ts';

export interface CliBinaryOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** Newer tags have a `replace` in their go.mod and cannot be built by `go install`. */
const VERSION = '1.5.1';
const MODULE = `github.com/temporalio/cli/cmd/temporal@v${VERSION}`;
/** Where nobody answers, as behind many firewalls, there are other ways. */
const ANSWER_LIMIT_MS = 10_000;
const DOWNLOAD_LIMIT_MS = 10 * 60_000;

const run = promisify(execFile);

/**
 * Path of the `temporal` program, which has a server in it: TEMPORAL_CLI_PATH, the PATH, what was got
 * before, a download, or `go install`. Fails with a message that says what to do.
 */
export async function findTemporalCli({ env, log }: CliBinaryOptions): Promise<string> {
  const given = env['TEMPORAL_CLI_PATH'] ?? '';
  if (given !== '') {
    if (await isExecutable(given)) return given;
    throw new Error(`TEMPORAL_CLI_PATH is ${given}, which is not a program that can be run`);
  }
  const cached = join(cacheDirectory(env), `temporal-cli-${VERSION}`, 'temporal');
  const found = (await findOnPath('temporal', env)) ?? (await firstExecutable([cached]));
  if (found !== undefined) return found;
  await mkdir(dirname(cached), { recursive: true });
  const reasons: string[] = [];
  for (const get of [download, buildWithGo]) {
    try {
      await get(cached, { env, log });
      return cached;
    } catch (error) {
      reasons.push(reasonOf(error));
    }
  }
  throw new Error(
    `no Temporal server: ${reasons.join('; ')}. Install the temporal CLI (https://docs.temporal.io/cli), ` +
      'name it by TEMPORAL_CLI_PATH, or set TEMPORAL_ADDRESS to use a server that runs elsewhere.',
  );
}

function cacheDirectory(env: CliBinaryOptions['env']): string {
  const base = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(base, 'temporal-gitlab-runner');
}

function findOnPath(name: string, { PATH = '' }: CliBinaryOptions['env']) {
  const directories = PATH.split(delimiter).filter((directory) => directory !== '');
  return firstExecutable(directories.map((directory) => join(directory, name)));
}

async function firstExecutable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) if (await isExecutable(path)) return path;
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The archive that Temporal's own SDKs download for their test server, through the proxy if there is one. */
async function download(path: string, { env, log }: CliBinaryOptions): Promise<void> {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const url = `https://temporal.download/cli/archive/v${VERSION}?platform=${process.platform}&arch=${architecture}`;
  const dispatcher = new EnvHttpProxyAgent({
    ...proxiesOf(env),
    headersTimeout: ANSWER_LIMIT_MS,
    connect: { timeout: ANSWER_LIMIT_MS },
  });
  try {
    const signal = AbortSignal.timeout(DOWNLOAD_LIMIT_MS);
    const response = await fetch(url, { dispatcher, signal });
    if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
    log.info('downloading the Temporal server', { url });
    await unpackProgram(Readable.fromWeb(response.body), path, signal);
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw new Error(`it cannot be downloaded (${reasonOf(cause)})`, { cause: error });
  } finally {
    await dispatcher.destroy();
  }
}

function proxiesOf(env: CliBinaryOptions['env']) {
  const read = (name: string): string => env[name] ?? env[name.toUpperCase()] ?? '';
  // Empty means none: left out, undici would look into this process's own environment.
  return {
    httpProxy: read('http_proxy'),
    httpsProxy: read('https_proxy'),
    noProxy: read('no_proxy'),
  };
}

async function buildWithGo(path: string, { env, log }: CliBinaryOptions): Promise<void> {
  const go = await findOnPath('go', env);
  if (go === undefined) throw new Error('Go is not installed, so it cannot be built either');
  log.info('building the Temporal server with go install, which takes some minutes', {
    module: MODULE,
  });
  const directory = await mkdtemp(join(tmpdir(), 'temporal-cli-'));
  const draft = `${path}.${process.pid}`;
  try {
    await run(go, ['install', MODULE], {
      env: { ...env, GOBIN: directory, GOFLAGS: '', CGO_ENABLED: '0' },
      maxBuffer: 64 * 1024 * 1024,
    });
    // The cache may lie on another file system than the temporary directory.
    await copyFile(join(directory, 'temporal'), draft);
    await rename(draft, path);
  } catch (error) {
    throw new Error(`go install fails: ${reasonOf(error)}`, { cause: error });
  } finally {
    await rm(directory, { recursive: true, force: true });
    await rm(draft, { force: true });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
