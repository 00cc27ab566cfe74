import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import type { CacheContext } from '../../../src/activities/cache/cache-context.ts';
import { keepLocal, statLocal, takeLocal } from '../../../src/activities/cache/local-cache.ts';
import type { LiveBuild } from '../../../src/activities/build/live-builds.ts';
import { createArchives } from '../../../src/adapters/archives/archives.ts';
import { createHostFiles } from '../../../src/adapters/host/host-files.ts';
import type { HostFiles, Ports } from '../../../src/ports/index.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { created, openEngine, randomName } from '../../adapters/docker/support.ts';
import { scratchDirectory } from '../../adapters/archives/support.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { defer } from '../../workflows/support/calls.ts';

// These tests use a real engine, which decides what a reader sees of a file that is being written.

const engine = openEngine();
await engine.info();

const DIGESTS = {
  sha256Hex: (text: string): string => createHash('sha256').update(text).digest('hex'),
};

const build = { context: contextOf({}) } as LiveBuild;
const DIRECTORY = '/cache/group/project/deps';
const ADDRESS = {
  ...{ title: 'deps', humanKey: 'deps', directory: DIRECTORY },
  ...{ objectName: undefined, otherObjectName: undefined },
};

interface Scene {
  readonly context: CacheContext;
  /** A cache of this text. */
  archiveOf(text: string): Promise<{ readonly file: string; readonly modifiedMs: number }>;
  /** The text that another build would restore now; undefined when there is no cache. */
  restored(): Promise<string | undefined>;
}

async function openScene(t: TestContext): Promise<Scene> {
  const directory = await scratchDirectory(t);
  const volume = randomName();
  await engine.ensureVolume({ name: volume, labels: {} });
  const binds = [`${volume}:/cache`];
  // Docker does not answer requests about a container's files while files are written into it.
  const reader = await created(t, engine, { binds });
  const context = {
    ...{ build, engine, index: 0, key: 'cache', signal: new AbortController().signal },
    container: await created(t, engine, { binds }),
    variables: buildVariables(build.context, { jobStatus: 'running' }),
    ports: {
      ...{ systemId: 's_0123456789ab', digests: DIGESTS, archives: createArchives() },
      hostFiles: createHostFiles(),
    } as unknown as Ports,
  };
  t.after(() => engine.removeVolume(volume)); // registered first, so that it runs after the removal of the containers
  const file = join(directory, 'restored.zip');
  return {
    context,
    archiveOf: async (text) => {
      const archive = join(directory, 'saved.zip');
      await writeFile(archive, text);
      return { file: archive, modifiedMs: 1_700_000_000_000 };
    },
    restored: async () =>
      (await takeLocal({ ...context, container: reader }, ADDRESS, file))
        ? readFile(file, 'utf8')
        : undefined,
  };
}

it('keeps an archive, and replaces it by the next one', async (t) => {
  const { context, archiveOf, restored } = await openScene(t);
  assert.equal(await restored(), undefined);
  for (const text of ['first', 'a longer second', '3rd']) {
    await keepLocal(context, ADDRESS, await archiveOf(text));
    assert.equal(await restored(), text);
    assert.equal((await statLocal(context, ADDRESS))?.modifiedMs, 1_700_000_000_000);
  }
});

it('creates its directories once, and again when somebody has opened them', async (t) => {
  const { context, archiveOf } = await openScene(t);
  let creations = 0;
  const counting = {
    ...context,
    engine: {
      ...engine,
      putArchive: (...given: Parameters<typeof engine.putArchive>) => {
        creations += 1;
        return engine.putArchive(...given);
      },
    },
  };
  const counts: number[] = [];
  for (const text of ['first', 'second']) {
    await keepLocal(counting, ADDRESS, await archiveOf(text));
    counts.push(creations);
  }
  const opened = { path: DIRECTORY, type: 'directory', mode: 0o777 } as const;
  await engine.putArchive(context.container, '/', [opened]);
  await keepLocal(counting, ADDRESS, await archiveOf('third'));
  // Podman does not tell that they are there.
  const { isPodman } = await engine.info();
  assert.deepEqual([...counts, creations], isPodman ? [1, 2, 3] : [1, 1, 2]);
  assert.equal(
    (await engine.statPath(context.container, DIRECTORY))?.mode,
    isPodman ? undefined : 0o700,
  );
});

it('leaves beside it the file of gitlab-runner and an empty one', async (t) => {
  const { context, archiveOf } = await openScene(t);
  await keepLocal(context, ADDRESS, await archiveOf('first'));
  const seen: string[] = [];
  const members = await engine.readFiles(context.container, DIRECTORY, {
    signal: context.signal,
  });
  for await (const { path, sizeBytes } of members ?? []) seen.push(`${path} ${sizeBytes}`);
  assert.deepEqual(seen.sort().slice(1), [
    'deps/cache.zip 5',
    `deps/cache.zip.${DIGESTS.sha256Hex('s_0123456789ab').slice(0, 12)} 0`,
    'deps/metadata.json 19',
  ]);
});

it('shows the old archive while the new one is written, and after the write was cut off', async (t) => {
  const isHalfWritten = defer<undefined>();
  const goesOn = defer<undefined>();
  const half = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(1_000_000);
    isHalfWritten.resolve(undefined);
    await goesOn.promise;
    throw new Error('the disk of the node is gone');
  };
  const { context, archiveOf, restored } = await openScene(t);
  await keepLocal(context, ADDRESS, await archiveOf('whole'));

  const { ports } = context;
  const open = () => Promise.resolve({ sizeBytes: 2_000_000, content: half() });
  const hostFiles = { ...ports.hostFiles, open } as HostFiles;
  const cutOff = { ...context, ports: { ...ports, hostFiles } };
  const writing = keepLocal(cutOff, ADDRESS, await archiveOf(''));
  try {
    await isHalfWritten.promise;
    assert.equal(await restored(), 'whole');
  } finally {
    goesOn.resolve(undefined);
  }
  await assert.rejects(writing, /the disk of the node is gone/);
  assert.equal(await restored(), 'whole');

  await keepLocal(context, ADDRESS, await archiveOf('the next one'));
  assert.equal(await restored(), 'the next one');
});
