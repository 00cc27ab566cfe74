import { execFile } from 'node:child_process';
import { constants, createWriteStream } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import type { Log } from '../../activities/ports.ts';

export interface CliBinaryOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** Newer tags have a `replace` in their go.mod and cannot be built by `go install`. */
const VERSION = '1.5.1';
const MODULE = `github.com/temporalio/cli/cmd/temporal@v${VERSION}`;
/** Without an internet nobody answers: then there are other ways. */
const CONNECT_LIMIT_MS = 10_000;
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
  for (const path of [...candidates(env), cached]) if (await isExecutable(path)) return path;
  await mkdir(dirname(cached), { recursive: true });
  const reasons: string[] = [];
  for (const get of [download, buildWithGo]) {
    try {
      await get(cached, { env, log });
      return cached;
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(
    `no Temporal server: ${reasons.join('; ')}. Install the temporal CLI (https://docs.temporal.io/cli), ` +
      'name it by TEMPORAL_CLI_PATH, or set TEMPORAL_ADDRESS to use a server that runs elsewhere.',
  );
}

function candidates({ PATH = '' }: CliBinaryOptions['env']): readonly string[] {
  return PATH.split(delimiter)
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, 'temporal'));
}

function cacheDirectory(env: CliBinaryOptions['env']): string {
  const base = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(base, 'temporal-gitlab-runner');
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The archive that Temporal's own SDKs download for their test server. */
async function download(path: string, { log }: CliBinaryOptions): Promise<void> {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const url = `https://temporal.download/cli/archive/v${VERSION}?platform=${process.platform}&arch=${architecture}`;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), CONNECT_LIMIT_MS);
  try {
    const response = await fetch(url, { signal: limit.signal });
    clearTimeout(timer);
    if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
    log.info('downloading the Temporal server', { url });
    const whole = AbortSignal.timeout(DOWNLOAD_LIMIT_MS);
    // DOM's and Node's own types of the same stream do not know each other.
    const body = Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
    await pipeline(body, createGunzip(), unpackTo(path), { signal: whole });
    if (!(await isExecutable(path))) throw new Error('no program `temporal` in the archive');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`it cannot be downloaded (${reason})`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** Takes the one file out of the archive. It gets its name when it is whole. */
function unpackTo(path: string) {
  const archive = extract();
  const draft = `${path}.${process.pid}`;
  archive.on('entry', ({ name }, content, next) => {
    if (name !== 'temporal') {
      content.on('end', next).resume();
      return;
    }
    pipeline(content, createWriteStream(draft, { mode: 0o755 }))
      .then(() => rename(draft, path))
      .then(() => next(), next);
  });
  return archive;
}

async function buildWithGo(path: string, { env, log }: CliBinaryOptions): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'temporal-cli-'));
  const go = (await findGo(env)) ?? '';
  try {
    if (go === '') throw new Error('Go is not installed, so it cannot be built either');
    log.info('building the Temporal server with go install, which takes some minutes', {
      module: MODULE,
    });
    await run(go, ['install', MODULE], {
      env: { ...env, GOBIN: directory, GOFLAGS: '', CGO_ENABLED: '0' },
      maxBuffer: 64 * 1024 * 1024,
    });
    // The cache may lie on another file system than the temporary directory.
    await run('cp', [join(directory, 'temporal'), `${path}.${process.pid}`]);
    await chmod(`${path}.${process.pid}`, 0o755);
    await rename(`${path}.${process.pid}`, path);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function findGo({ PATH = '' }: CliBinaryOptions['env']): Promise<string | undefined> {
  const directories = [...PATH.split(delimiter).filter(Boolean), '/usr/local/go/bin'];
  for (const directory of directories) {
    if (await isExecutable(join(directory, 'go'))) return join(directory, 'go');
  }
  return undefined;
}
