import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { CLI } from '../support/command.ts';

const PACKAGE_NAME = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;

/** The files whose code Node loads for these arguments, by V8's own record of the run. */
async function loadedFiles(args: readonly string[]): Promise<readonly string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-loading-'));
  try {
    const env = { ...process.env, NODE_V8_COVERAGE: directory };
    await promisify(execFile)(process.execPath, args, { env });
    const [file] = await readdir(directory);
    const record = JSON.parse(await readFile(join(directory, file!), 'utf8')) as {
      readonly result: readonly { readonly url: string }[];
    };
    return record.result.map(({ url }) => url);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function packagesOf(files: readonly string[]): ReadonlySet<string> {
  const names = files.map((file) => PACKAGE_NAME.exec(file)?.[1]);
  return new Set(names.filter((name) => name !== undefined));
}

it('loads neither a client nor the code that checks a config file for --version', async () => {
  const packages = packagesOf(await loadedFiles([CLI, '--version']));
  assert.ok(packages.has('commander'));
  for (const name of ['zod', 'undici', 'ky', 'toml', 'dockerode', '@temporalio/client']) {
    assert.ok(!packages.has(name), `${name} is loaded`);
  }
});

describe('the code of the node', () => {
  let files: readonly string[];
  before(async () => {
    const worker = new URL('./worker.js', pathToFileURL(CLI));
    files = await loadedFiles(['-e', `import(${JSON.stringify(worker.href)})`]);
  });

  it('loads no client of a cache store, of tracing or of a login', () => {
    const packages = packagesOf(files);
    assert.ok(packages.has('@temporalio/worker'));
    // prom-client loads the interfaces of OpenTelemetry, which do nothing by themselves.
    const lazy = /^(@aws-sdk|@smithy|@google-cloud|@azure)\/|^@opentelemetry\/(?!api$)|^jose$/;
    for (const name of packages) assert.doesNotMatch(name, lazy);
  });

  it('loads no code of workflows, which is in the bundle, but what it starts them with', () => {
    const names = files.map((file) => /\/dist\/src\/workflows\/(.*)$/.exec(file)?.[1]);
    const loaded = names.filter((name) => name !== undefined);
    assert.deepEqual(loaded.toSorted(), ['messages.js', 'states.js']);
  });
});
