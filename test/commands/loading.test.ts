import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { CLI } from '../support/command.ts';

const PACKAGE_NAME = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;

/** The packages whose code this command line loads, by V8's own record of a run. */
async function loadedPackages(args: readonly string[]): Promise<ReadonlySet<string>> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-loading-'));
  try {
    const env = { ...process.env, NODE_V8_COVERAGE: directory };
    await promisify(execFile)(process.execPath, [CLI, ...args], { env });
    const [file] = await readdir(directory);
    const record = JSON.parse(await readFile(join(directory, file!), 'utf8')) as {
      readonly result: readonly { readonly url: string }[];
    };
    const names = record.result.map(({ url }) => PACKAGE_NAME.exec(url)?.[1]);
    return new Set(names.filter((name) => name !== undefined));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

it('loads for the version neither a client nor what checks a config file', async () => {
  const packages = await loadedPackages(['--version']);
  assert.ok(packages.has('commander'));
  for (const name of ['zod', 'undici', 'ky', 'toml', 'dockerode', '@temporalio/client']) {
    assert.ok(!packages.has(name), `${name} is loaded`);
  }
});
