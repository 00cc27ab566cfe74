import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { archiveOf } from '../support/fake-files.ts';
import {
  CACHE,
  objectOf,
  openCacheStage,
  PROJECT,
  STORE_IS_AWAY,
  type CacheStage,
} from './support.ts';

const LOCAL = `${CACHE}/deps/cache.zip`;
const SAVE = { cache: {}, stage: 'archive_cache' } as const;
const SAVE_IN_STORE = { ...SAVE, runnerCache: { type: 's3' } } as const;
const NO_FAULT = { kind: 'succeeded' } as const;
const INCOMPLETE = { kind: 'succeeded', isIncomplete: true } as const;
/** The clock of the fake node, at which an archive is made. */
const NOW_MS = 1_000_000;

function openWithFile(): CacheStage {
  const stage = openCacheStage();
  stage.files.container.set(`${PROJECT}/deps/a`, { text: 'made', modifiedMs: 500_000 });
  return stage;
}

describe('a cache without a store', () => {
  it('is kept in the cache directory', async () => {
    const { files, run, trace } = openWithFile();
    assert.deepEqual(await run(SAVE), NO_FAULT);
    const archive = { text: archiveOf({ 'deps/a': 'made' }), modifiedMs: NOW_MS };
    assert.deepEqual(files.container.get(LOCAL), archive);
    const metadata = files.container.get(`${CACHE}/deps/metadata.json`);
    assert.equal(metadata?.text, '{"cachekey":"deps"}');
    assert.match(trace(), /Creating cache deps\.\.\..*Created cache/s);
    assert.deepEqual([...files.node], [], 'no scratch file is left');
  });

  it('is not made again while its files stay the same', async () => {
    const { files, run, trace } = openWithFile();
    await run(SAVE);
    await run(SAVE);
    assert.match(trace(), /Archive is up to date!/);
    files.container.set(`${PROJECT}/deps/a`, { text: 'changed', modifiedMs: NOW_MS });
    await run(SAVE);
    assert.equal(files.container.get(LOCAL)?.text, archiveOf({ 'deps/a': 'changed' }));
  });

  it('without any file makes no archive', async () => {
    const { files, run, trace } = openCacheStage();
    assert.deepEqual(await run(SAVE), NO_FAULT);
    assert.equal(files.container.has(LOCAL), false);
    assert.match(trace(), /no matching files/);
  });

  const saved: [
    when: string,
    stage: 'archive_cache' | 'archive_cache_on_failure',
    isSaved: boolean,
  ][] = [
    ['on_success', 'archive_cache', true],
    ['on_success', 'archive_cache_on_failure', false],
    ['on_failure', 'archive_cache', false],
    ['on_failure', 'archive_cache_on_failure', true],
    ['always', 'archive_cache_on_failure', true],
  ];
  for (const [when, stage, isSaved] of saved) {
    it(`with when: ${when} is ${isSaved ? 'saved' : 'not saved'} by ${stage}`, async () => {
      const { files, run } = openWithFile();
      await run({ cache: { when }, stage });
      assert.equal(files.container.has(LOCAL), isSaved);
    });
  }

  it('with an unknown compression level is packed by the default one, with a warning', async () => {
    const { files, run, trace } = openWithFile();
    await run({ ...SAVE, variables: { CACHE_COMPRESSION_LEVEL: 'best' } });
    assert.equal(files.container.has(LOCAL), true);
    assert.match(trace(), /compression level "best" is invalid, falling back to default/);
  });
});

describe('a cache in a store', () => {
  it('is uploaded with its key', async () => {
    const { store, run } = openWithFile();
    await run(SAVE_IN_STORE);
    const text = archiveOf({ 'deps/a': 'made' });
    assert.deepEqual(store.objects.get(objectOf('deps')), { text, modifiedMs: NOW_MS });
    assert.deepEqual(store.uploads, [{ object: objectOf('deps'), metadata: { cachekey: 'deps' } }]);
  });

  it('is uploaded once, and again when the store was emptied', async () => {
    const { store, run } = openWithFile();
    await run(SAVE_IN_STORE);
    await run(SAVE_IN_STORE);
    assert.equal(store.uploads.length, 1);
    store.objects.clear();
    await run(SAVE_IN_STORE);
    assert.equal(store.uploads.length, 2);
    assert.equal(store.objects.get(objectOf('deps'))?.text, archiveOf({ 'deps/a': 'made' }));
  });

  it('is uploaded by the next attempt when it could not be, though an older one is there', async () => {
    const { store, run, trace } = openWithFile();
    store.objects.set(objectOf('deps'), { text: 'older', modifiedMs: 1 });
    store.faults.push(STORE_IS_AWAY(), STORE_IS_AWAY(), STORE_IS_AWAY());
    assert.deepEqual(await run({ ...SAVE_IN_STORE, attempts: 2 }), NO_FAULT);
    assert.equal(store.objects.get(objectOf('deps'))?.text, archiveOf({ 'deps/a': 'made' }));
    assert.doesNotMatch(trace(), /Archive is up to date!/);
    await run(SAVE_IN_STORE);
    assert.equal(store.uploads.length, 1, 'it is known to be sent');
  });

  it('stays on the node when it exceeds the limit', async () => {
    const { files, store, run, trace } = openWithFile();
    await run({ ...SAVE, runnerCache: { maxUploadedArchiveSizeBytes: 3 } });
    assert.equal(store.calls, 0);
    assert.equal(files.container.has(LOCAL), true);
    assert.match(trace(), /is too big \(Limit is set to 3\)/);
  });

  it('is not copied to the node when it exceeds the limit and is unchanged', async (t) => {
    const { files, run, trace } = openWithFile();
    const save = { ...SAVE, runnerCache: { maxUploadedArchiveSizeBytes: 3 } };
    await run(save);
    const pack = t.mock.method(files.archives, 'pack');
    await run(save);
    assert.equal(pack.mock.callCount(), 0);
    assert.match(trace(), /up to date.*is too big \(Limit is set to 3\)/s);
  });

  it('that is away costs the upload, and neither the local archive nor the job', async () => {
    const { files, store, run, trace } = openWithFile();
    store.faults.push(STORE_IS_AWAY(), STORE_IS_AWAY(), STORE_IS_AWAY());
    assert.deepEqual(await run(SAVE_IN_STORE), INCOMPLETE);
    assert.equal(files.container.has(LOCAL), true);
    assert.match(trace(), /Failed to create cache/);
  });
});
