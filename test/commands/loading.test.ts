import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CLI } from '../support/command.ts';
import { projectRoot } from '../support/project-root.ts';

const PACKAGE_NAME = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;
const SOURCES = join(projectRoot(), 'src');

interface Loaded {
  /** The paths of the program's own files. */
  readonly files: readonly string[];
  readonly packages: ReadonlySet<string>;
  /** The sources that are in the program's own files, by their path below `src`. */
  readonly sources: ReadonlySet<string>;
}

/** Finds what the program loads for these arguments, by V8's own record of the run. */
async function whatLoads(args: readonly string[]): Promise<Loaded> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-loading-'));
  try {
    // A node cannot make this directory, and ends when all is loaded.
    const stateDir = join(directory, 'a-file', 'state');
    await writeFile(dirname(stateDir), '');
    const record = join(directory, 'record');
    const env = {
      ...{ ...process.env, HOME: directory, NODE_V8_COVERAGE: record },
      TEMPORAL_GITLAB_RUNNER_STATE_DIR: stateDir,
    };
    await promisify(execFile)(process.execPath, [CLI, ...args], { env, cwd: directory }).catch(
      (error: unknown) => assert.match((error as { stderr: string }).stderr, /a-file/),
    );
    return await readRecord(record);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function readRecord(directory: string): Promise<Loaded> {
  const [file] = await readdir(directory);
  const record = JSON.parse(await readFile(join(directory, file!), 'utf8')) as {
    readonly result: readonly { readonly url: string }[];
  };
  const urls = record.result.map(({ url }) => url);
  const packages = urls.map((url) => PACKAGE_NAME.exec(url)?.[1]);
  const own = urls.filter((url) => url.startsWith('file:') && !PACKAGE_NAME.test(url));
  const files = own.map((url) => fileURLToPath(url));
  const sources = await Promise.all(files.map(sourcesOf));
  return {
    files,
    packages: new Set(packages.filter((name) => name !== undefined)),
    sources: new Set(sources.flat()),
  };
}

async function sourcesOf(file: string): Promise<readonly string[]> {
  if (!existsSync(`${file}.map`)) return [];
  const map = JSON.parse(await readFile(`${file}.map`, 'utf8')) as { readonly sources: string[] };
  return map.sources.map((source) => relative(SOURCES, join(dirname(file), source)));
}

it('loads neither a client nor the code that checks a config file for --version', async () => {
  const { packages, sources } = await whatLoads(['--version']);
  assert.ok(packages.has('commander'));
  for (const name of ['zod', 'undici', 'ky', 'toml', 'dockerode', '@temporalio/client']) {
    assert.ok(!packages.has(name), `${name} is loaded`);
  }
  assert.ok(sources.has('commands/version.ts') && !sources.has('commands/jobs.ts'));
});

describe('the code of the node', () => {
  let loaded: Loaded;
  before(async () => {
    loaded = await whatLoads(['run']);
  });

  it('is in few files, because Node resolves, reads and links each by itself', () => {
    assert.ok(loaded.sources.size > 300, `only ${loaded.sources.size} sources are loaded`);
    assert.ok(loaded.files.length < 60, `${loaded.files.length} files are loaded`);
  });

  it('loads no client of a cache store, of tracing or of a login, and no session server', () => {
    assert.ok(loaded.packages.has('@temporalio/worker'));
    // prom-client loads the interfaces of OpenTelemetry, which do nothing by themselves.
    const lazy = /^(@aws-sdk|@smithy|@google-cloud|@azure)\/|^@opentelemetry\/(?!api$)|^jose$/;
    for (const name of loaded.packages) assert.doesNotMatch(name, lazy);
    assert.ok(!loaded.sources.has('adapters/session-server/session-server.ts'));
    assert.ok(!loaded.packages.has('ws'));
  });

  it('loads no code of workflows, which is in the bundle, but what it starts them with', () => {
    const workflows = [...loaded.sources].filter((source) => source.startsWith('workflows/'));
    assert.deepEqual(workflows.toSorted(), ['workflows/messages.ts', 'workflows/states.ts']);
  });
});
