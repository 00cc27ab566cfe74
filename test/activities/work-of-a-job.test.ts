import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createBuildStore } from '../../src/adapters/state/build-store.ts';
import { createTraceSpool } from '../../src/adapters/trace-spool/trace-spool.ts';
import type { BuildStore } from '../../src/ports/index.ts';
import type { BuildContext } from '../../src/domain/context/context.ts';
import type { JobVariable } from '../../src/domain/job/payload.ts';
import { buildVariables } from '../../src/domain/variables/variables.ts';
import { contextOf } from '../domain/job/context-fixture.ts';
import { driveBuild } from './support/drive.ts';
import { loadCipher } from '../support/cipher.ts';
import { countFileOperations, type FileOperations } from '../support/file-operations.ts';
import { createFakeStore } from './support/fake-disk.ts';
import { createFakeEngine } from './support/fake-engine.ts';
import { openProcess } from './support/process.ts';
import { createWorld } from './support/world.ts';

/** One script and no sources. Every job has these costs. */
const TRIVIAL = {
  steps: [{ name: 'script', script: ['true'] }],
  variables: [{ key: 'GIT_STRATEGY', value: 'none' }],
};

const DOCKER_CALLS: ReadonlySet<string> = new Set(
  Object.keys(createFakeEngine(createWorld(contextOf()))),
);

/** A context that counts the reads of its job's variables. */
function countingContext(): { readonly context: BuildContext; readonly looks: () => number } {
  const plain = contextOf({ job: TRIVIAL });
  const [first, ...rest] = plain.job.variables;
  assert.ok(first !== undefined);
  let looks = 0;
  const counted: JobVariable = {
    ...first,
    get value() {
      looks += 1;
      return first.value;
    },
  };
  const context = { ...plain, job: { ...plain.job, variables: [counted, ...rest] } };
  return { context, looks: () => looks };
}

/** How often the variables of a whole build were built in all its activities. */
async function countBuilt(): Promise<number> {
  const once = countingContext();
  buildVariables(once.context, { jobStatus: 'running' });
  const { context, looks } = countingContext();
  await driveBuild(createWorld(context), context);
  return looks() / once.looks();
}

/** Counts the operations on the node's real files. Only the containers are simulated. */
async function countWork(): Promise<FileOperations & { readonly called: readonly string[] }> {
  const base = await mkdtemp(join(tmpdir(), 'tgr-work-'));
  try {
    const cipher = await loadCipher(join(base, 'keys', 'payload.json'));
    const store = await createBuildStore({ directory: join(base, 'builds'), cipher });
    const context = await store.create(contextOf({ job: TRIVIAL }));
    const world = createWorld(context);
    const { ports } = openProcess(world);
    const fake = createFakeStore(world, () => true);
    const { whenBegun, readState, wakeContainer } = fake;
    const builds: BuildStore = {
      ...store,
      // The simulated containers hear and tell nothing by real files.
      ...{ whenBegun, readState, wakeContainer },
      writeNextStage: async (buildId, place, nonce) => {
        await store.writeNextStage(buildId, place, nonce);
        await fake.writeNextStage(buildId, place, nonce);
      },
      writeScript: async (buildId, place, script) => {
        await store.writeScript(buildId, place, script);
        world.disk.files[place].script = script.text;
      },
    };
    const traces = createTraceSpool({ builds, clock: ports.clock, log: ports.log });
    let called: readonly string[] = [];
    const operations = await countFileOperations(async () => {
      ({ called } = await driveBuild(world, context, { ports: { builds, traces } }));
    });
    assert.match(world.gitlab.trace, /Job succeeded/);
    return { ...operations, called };
  } finally {
    await rm(base, { recursive: true, force: true });
  }
}

describe('a trivial job', () => {
  it('needs only a limited number of file operations and calls of Docker', async () => {
    const { total, counts, called } = await countWork();
    // It was 175 before notes were cached and the files of a stage were created once, and 140 before
    // a stage's end was one checkpoint and a durable file had its mode from its beginning.
    // It was 107 before the job's container could be started early, for which it has two more files,
    // and 119 before its named pipe came from a stock, instead of from a process for each.
    assert.ok(total <= 122, `${total} file operations: ${[...counts].sort().join(' ')}`);
    assert.ok((counts.get('readFile') ?? 0) <= 4, 'no note is read back that this process knows');
    const engine = called.filter((name) => DOCKER_CALLS.has(name));
    assert.ok(engine.length <= 15, `${engine.length} calls of Docker: ${engine.join(' ')}`);
  });

  it('has its variables built once', async () => {
    assert.equal(await countBuilt(), 1);
  });
});
