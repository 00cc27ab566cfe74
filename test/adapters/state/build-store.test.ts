import assert from 'node:assert/strict';
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, it } from 'node:test';
import type { BuildDraft } from '../../../src/ports/index.ts';
import { createBuildStore } from '../../../src/adapters/state/build-store.ts';
import { loadCipher } from '../../support/cipher.ts';
import { CANARY, base, cipher, draftOf, setUp, setUpStores } from './open-store.ts';

setUpStores();

/** Lets all pending work advance by one step, but not necessarily to its end. */
async function tick(): Promise<''> {
  await new Promise(setImmediate);
  return '';
}

describe('createBuildStore', () => {
  it('keeps fetched secrets and the variables that scripts pass on with the record, encrypted, over a restart', async () => {
    const { open, store, directory } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const secret = { key: 'S', value: 'fetched-secret', public: false, file: true };
    await store.keep(buildId, { secretVariables: [{ ...secret, masked: true, raw: true }] });
    await store.keep(buildId, { exports: ['OUT=fetched-secret too'] });
    const [folder = ''] = await readdir(directory);
    const found = await readdir(join(directory, folder), { withFileTypes: true });
    const files = found.filter((entry) => entry.isFile()).map(({ name }) => name);
    assert.deepEqual(files, ['record']);
    for (const file of files) {
      const content = await readFile(join(directory, folder, file));
      assert.equal(content.includes('fetched-secret'), false, file);
    }
    const reopened = await (await open()).read(buildId);
    assert.equal(reopened?.secretVariables?.[0]?.value, 'fetched-secret');
    assert.deepEqual(reopened?.exports, ['OUT=fetched-secret too']);
    assert.equal(reopened.job.id, 1);
    await assert.rejects(store.keep('build/gitlab.example.com/2', {}), /no record/);
  });

  it('returns a recorded build, now and after a restart', async () => {
    const { open, store } = await setUp();
    const context = await store.create(draftOf(1));
    assert.deepEqual(await store.read(context.buildId), context);
    const reopened = await open();
    assert.deepEqual(await reopened.list(), [context.buildId]);
    assert.deepEqual(
      JSON.parse(JSON.stringify(await reopened.read(context.buildId))),
      JSON.parse(JSON.stringify(context)),
    );
  });

  it('writes a record again that somebody has deleted, and marks it as lost from then on', async () => {
    const { directory, open, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    assert.equal((await store.readFromDisk(buildId))?.lostFiles, undefined);
    for (const name of await readdir(directory))
      await rm(join(directory, name), { recursive: true });
    const found = await Promise.all([1, 2, 3].map(() => store.readFromDisk(buildId)));
    for (const context of found) assert.equal(context?.lostFiles, store.directory(buildId));
    assert.equal((await store.read(buildId))?.lostFiles, store.directory(buildId));
    assert.equal((await (await open()).readFromDisk(buildId))?.lostFiles, store.directory(buildId));
    await store.remove(buildId);
  });

  it('does not write a record again that it has removed itself', async () => {
    const { directory, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const looks: Promise<unknown>[] = [];
    const removing = store.remove(buildId).then(() => 'removed');
    for (let end = ''; end === ''; end = await Promise.race([removing, tick()])) {
      looks.push(store.readFromDisk(buildId));
    }
    await Promise.all(looks);
    assert.deepEqual(await readdir(directory), []);
    assert.equal(await store.readFromDisk(buildId), undefined);
  });

  it('keeps the payload encrypted, and readable for nobody else', async () => {
    const { directory, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    assert.equal((await stat(store.directory(buildId))).mode & 0o777, 0o700);
    for (const file of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue;
      const path = join(file.parentPath, file.name);
      assert.equal((await stat(path)).mode & 0o777, 0o600, path);
      assert.ok(!(await readFile(path)).includes(CANARY), path);
    }
  });

  it('returns an existing record, so that a job is never recorded twice', async () => {
    const { store } = await setUp();
    const first = await store.create(draftOf(1));
    assert.equal(await store.create({ ...draftOf(1), correlationId: 'other' }), first);
  });

  it('lets concurrent readers wait until the record is on the disk', async () => {
    const { directory, store } = await setUp();
    const first = store.create(draftOf(1));
    const second = await store.create(draftOf(1));
    const files = await readdir(join(directory, basename(store.directory(second.buildId))));
    assert.deepEqual(files.toSorted(), ['notes', 'record']);
    assert.equal(await first, second);
  });

  it('gives each build the smallest numbers that are free, by runner and by project', async () => {
    const { open, store } = await setUp();
    const numbers = async (draft: BuildDraft) => {
      const { concurrentId, concurrentProjectId } = await store.create(draft);
      return [concurrentId, concurrentProjectId];
    };
    const together = await Promise.all([
      numbers(draftOf(1)),
      numbers(draftOf(2)),
      numbers(draftOf(3, { projectId: 43 })),
      numbers(draftOf(4, { runnerKey: 'other' })),
    ]);
    assert.deepEqual(together, [
      [0, 0],
      [1, 1],
      [2, 0],
      [0, 0],
    ]);
    await store.remove('build/gitlab.example.com/1');
    assert.deepEqual(await numbers(draftOf(5)), [0, 0]);
    const { concurrentId } = await (await open()).create(draftOf(6));
    assert.equal(concurrentId, 3, 'numbers of before the restart are taken');
  });

  it('forgets a job that could not be written, so that it does not count as ours', async () => {
    const { directory, store } = await setUp();
    await rm(directory, { recursive: true });
    await writeFile(directory, 'a file where the directory was');
    const { buildId } = draftOf(1);
    await assert.rejects(store.create(draftOf(1)), { code: 'ENOTDIR' });
    assert.equal(await store.read(buildId), undefined);
    assert.deepEqual(await store.list(), []);
  });

  it('removes every file of a build, and does not fail when there is none', async () => {
    const { directory, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    await store.writeNote(buildId, 'note', 1);
    await store.stageFiles(buildId, 'build');
    await store.remove(buildId);
    await store.remove(buildId);
    assert.deepEqual(await readdir(directory), ['.pipes']); // the stock for all builds
    assert.deepEqual(await store.list(), []);
  });
});

describe('after the process died during a write', () => {
  it('removes a directory without a record, because nothing of that job had begun', async () => {
    const { directory, open } = await setUp();
    await mkdir(join(directory, 'build_gitlab_1-00000000', 'notes'), { recursive: true });
    assert.deepEqual(await (await open()).list(), []);
    assert.deepEqual(await readdir(directory), []);
  });

  it('accepts a complete record that has not got its name yet', async () => {
    const { open, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const record = join(store.directory(buildId), 'record');
    await rename(record, `${record}.tmp`);
    const reopened = await open();
    assert.deepEqual(await reopened.list(), [buildId]);
    assert.deepEqual(await (await open()).list(), [buildId], 'it has its name from then on');
  });

  it('removes a record that was written only in part', async () => {
    const { directory, open, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const record = join(store.directory(buildId), 'record');
    await rename(record, `${record}.tmp`);
    await truncate(`${record}.tmp`, 100);
    assert.deepEqual(await (await open()).list(), []);
    assert.deepEqual(await readdir(directory), []);
  });

  it('keeps the old value of a note whose new value was not written completely', async () => {
    const { open, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    await store.writeNote(buildId, 'stage/start', { at: 1 });
    const notes = join(store.directory(buildId), 'notes');
    const [file = ''] = await readdir(notes);
    await writeFile(join(notes, `${file}.tmp`), '{"at":');
    const reopened = await open();
    assert.deepEqual(await reopened.readNote(buildId, 'stage/start'), { at: 1 });
    await reopened.writeNote(buildId, 'stage/start', { at: 2 });
    assert.deepEqual(await reopened.readNote(buildId, 'stage/start'), { at: 2 });
  });

  it('refuses to start with a damaged record and names it, because the job must not vanish', async () => {
    const { open, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const record = join(store.directory(buildId), 'record');
    await truncate(record, 100);
    await assert.rejects(open(), {
      message: new RegExp(`^record of a build ${record} cannot be read: .*to give the job up$`),
    });
    assert.ok((await stat(record)).isFile());
  });

  it('refuses to start with a file that is not a record of a build, though its key fits', async () => {
    const { open, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const record = join(store.directory(buildId), 'record');
    const sealed = cipher.encrypt(Buffer.from('{"buildId":"x"}'));
    await writeFile(record, Buffer.concat([Buffer.from(`${cipher.keyId}\0`), sealed]));
    await assert.rejects(open(), { message: /cannot be read: it is not the record of a build; / });
  });

  it('refuses to start without the key of a record, and names the key', async () => {
    const { directory, store } = await setUp();
    await store.create(draftOf(1));
    const other = await loadCipher(join(await mkdtemp(join(base, 'other-')), 'payload.json'));
    await assert.rejects(createBuildStore({ directory, cipher: other }), {
      message: new RegExp(`encrypted with key "${cipher.keyId}", which is not in`),
    });
  });

  it('keeps a record without its name when its key is missing, because only the key could open it', async () => {
    const { directory, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const record = join(store.directory(buildId), 'record');
    await rename(record, `${record}.tmp`);
    const other = await loadCipher(join(await mkdtemp(join(base, 'other-')), 'payload.json'));
    await assert.rejects(createBuildStore({ directory, cipher: other }), {
      message: new RegExp(`encrypted with key "${cipher.keyId}", which is not in`),
    });
    const found = await createBuildStore({ directory, cipher });
    assert.deepEqual(await found.list(), [buildId]);
  });
});

describe('notes of a build', () => {
  it('are kept apart by name, whatever the name contains, and are undefined when never written', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    await store.writeNote(buildId, '../record', 'one');
    await store.writeNote(buildId, 'stage/step_script', 'two');
    assert.equal(await store.readNote(buildId, '../record'), 'one');
    assert.equal(await store.readNote(buildId, 'stage/step_script'), 'two');
    assert.equal(await store.readNote(buildId, 'other'), undefined);
    assert.ok(await store.read(buildId));
  });
});

/** Returns the directory of a build's notes. */
const notesOf = (directory: string): string => join(directory, 'notes');

describe('the memory of notes', () => {
  it('is empty in another process, and saves this process a second read from the disk', async () => {
    const { open, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    await store.writeNote(buildId, 'start', { at: 1 });
    const other = await open();
    assert.deepEqual(await other.readNote(buildId, 'start'), { at: 1 });
    await rm(notesOf(store.directory(buildId)), { recursive: true });
    assert.deepEqual(await store.readNote(buildId, 'start'), { at: 1 });
    assert.deepEqual(await other.readNote(buildId, 'start'), { at: 1 });
    assert.equal(await (await open()).readNote(buildId, 'start'), undefined);
  });

  it('cannot be changed through a returned value', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    const value = { at: 1, addresses: [] as string[], left: undefined };
    await store.writeNote(buildId, 'start', value);
    value.addresses.push('x');
    const found = await store.readNote(buildId, 'start');
    assert.deepEqual(found, { at: 1, addresses: [] });
    assert.notEqual(await store.readNote(buildId, 'start'), found);
  });

  it('is written to the disk again when somebody has deleted the directory', async () => {
    const { open, store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    await store.writeNote(buildId, 'one', 1);
    await rm(store.directory(buildId), { recursive: true });
    await store.writeNote(buildId, 'two', 2);
    const context = await store.readFromDisk(buildId);
    assert.equal(context?.lostFiles, store.directory(buildId), 'and the loss is noticed');
    assert.equal(await (await open()).readNote(buildId, 'two'), 2);
  });

  it('is cleared with its build, also when the build is handed out again', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    await store.writeNote(buildId, 'outcome', 'succeeded');
    await store.remove(buildId);
    await store.create(draftOf(1));
    assert.equal(await store.readNote(buildId, 'outcome'), undefined);
  });

  it('follows the disk when a new value could not be written', async () => {
    const { store } = await setUp();
    const { buildId } = await store.create(draftOf(1));
    await store.writeNote(buildId, 'start', 1);
    const file = join(notesOf(store.directory(buildId)), 'start.json');
    await mkdir(`${file}.tmp`);
    await assert.rejects(store.writeNote(buildId, 'start', 2), { code: 'EISDIR' });
    assert.equal(await store.readNote(buildId, 'start'), 1);
    await rm(`${file}.tmp`, { recursive: true });
    await store.writeNote(buildId, 'start', 2);
    assert.equal(await store.readNote(buildId, 'start'), 2);
  });
});
