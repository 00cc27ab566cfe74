import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, rename, copyFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CACHE } from './paths.mjs';
import { findProgram, run } from './run.mjs';
import { say, step } from './say.mjs';

// This is a real S3 server for the tests of caches: one program that keeps objects as plain files
// and checks every signature.

const VERSION = '1.8.0';
const MODULE = `github.com/versity/versitygw/cmd/versitygw@v${VERSION}`;
const RELEASES = 'https://github.com/versity/versitygw/releases/download';
const ANSWER_LIMIT_MS = 10_000;

/**
 * Returns the server's path; empty when it is not available here. The tests that need it are then
 * skipped, and say so.
 */
export async function findS3Server() {
  const cached = join(CACHE, `versitygw-${VERSION}`, 'versitygw');
  const known = process.env.TGR_TEST_S3_SERVER || findProgram('versitygw');
  if (known) return known;
  if (await isExecutable(cached)) return cached;
  await mkdir(join(cached, '..'), { recursive: true });
  return step('get an S3 server for the tests', async () => {
    for (const get of [download, buildWithGo]) {
      const directory = await mkdtemp(join(tmpdir(), 'versitygw-'));
      try {
        const draft = `${cached}.${process.pid}`;
        await copyFile(await get(directory), draft);
        await rename(draft, cached);
        return cached;
      } catch (error) {
        say(`  ${error.message}`);
      } finally {
        await rm(directory, { recursive: true, force: true });
      }
    }
    return '';
  });
}

async function download(directory) {
  const names = { x64: 'x86_64', arm64: 'arm64' };
  const name = `versitygw_v${VERSION}_Linux_${names[process.arch]}`;
  const url = `${RELEASES}/v${VERSION}/${name}.tar.gz`;
  const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) }).catch(
    (error) => {
      throw new Error(`${url}: ${error.cause?.message ?? error.message}`);
    },
  );
  if (!response.ok) throw new Error(`${url}: status ${response.status}`);
  const archive = Buffer.from(await response.arrayBuffer());
  await run('tar', ['-xz', '-C', directory], { input: archive });
  return join(directory, name, 'versitygw');
}

async function buildWithGo(directory) {
  const go = findProgram('go');
  if (go === undefined) throw new Error('Go is not installed, so it cannot be built either');
  const env = { ...process.env, GOBIN: directory, GOFLAGS: '', CGO_ENABLED: '0' };
  await run(go, ['install', MODULE], { env });
  return join(directory, 'versitygw');
}

function isExecutable(path) {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
