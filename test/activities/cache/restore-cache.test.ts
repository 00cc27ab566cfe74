import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';
import { archiveOf } from '../support/fake-files.ts';
import { CACHE, objectOf, openCacheStage, PROJECT, STORE_IS_AWAY } from './support.ts';

const LOCAL = `${CACHE}/deps/cache.zip`;
const S3 = { type: 's3' };
const NO_FAULT = { kind: 'succeeded' } as const;
const REFUSAL = (words = '403 AccessDenied'): Error =>
  new FinalError(FailureType.ExternalDependency, words);
const INCOMPLETE = { kind: 'succeeded', isIncomplete: true } as const;

describe('a cache without a store', () => {
  it('is restored from the cache directory', async () => {
    const { files, run, trace } = openCacheStage();
    files.container.set(LOCAL, { text: archiveOf({ 'deps/a': 'local' }), modifiedMs: 1 });
    assert.deepEqual(await run({ cache: {} }), NO_FAULT);
    assert.equal(files.container.get(`${PROJECT}/deps/a`)?.text, 'local');
    assert.match(trace(), /No URL provided, .*Successfully extracted cache/s);
    assert.deepEqual([...files.node], [], 'no scratch file is left');
  });

  it('is missing at first, which never fails the job', async () => {
    const { run, trace } = openCacheStage();
    assert.deepEqual(await run({ cache: {} }), INCOMPLETE);
    assert.match(trace(), /Cache file does not exist.*Failed to extract cache/s);
  });

  it('is restored by a fallback key when its own key has none', async () => {
    const { files, run, trace } = openCacheStage();
    const main = `${CACHE}/main/cache.zip`;
    files.container.set(main, { text: archiveOf({ 'deps/a': 'of main' }), modifiedMs: 1 });
    await run({ cache: { fallback_keys: ['none', 'main', 'never reached'] } });
    assert.equal(files.container.get(`${PROJECT}/deps/a`)?.text, 'of main');
    const checked = [...trace().matchAll(/Checking cache for ([\w-]+)/g)].map(([, key]) => key);
    assert.deepEqual(checked, ['deps', 'none', 'main']);
  });

  it('is not restored by a job that only pushes', async () => {
    const { files, run } = openCacheStage();
    files.container.set(LOCAL, { text: archiveOf({ 'deps/a': 'local' }), modifiedMs: 1 });
    await run({ cache: { policy: 'push' } });
    assert.equal(files.container.has(`${PROJECT}/deps/a`), false);
  });

  it('that is no archive becomes a warning', async () => {
    const { files, run, trace } = openCacheStage();
    files.container.set(LOCAL, { text: 'PK garbage', modifiedMs: 1 });
    assert.deepEqual(await run({ cache: {} }), INCOMPLETE);
    assert.match(trace(), /is no archive.*Failed to extract cache/s);
  });
});

describe('a cache in a store', () => {
  it('replaces an older local one, and is kept beside the containers', async () => {
    const { files, store, run, trace } = openCacheStage();
    files.container.set(LOCAL, { text: archiveOf({ 'deps/a': 'local' }), modifiedMs: 1_000 });
    const text = archiveOf({ 'deps/a': 'of the store' });
    store.objects.set(objectOf('deps'), { text, modifiedMs: 2_000 });
    await run({ cache: {}, runnerCache: S3 });
    assert.equal(files.container.get(`${PROJECT}/deps/a`)?.text, 'of the store');
    assert.deepEqual(files.container.get(LOCAL), { text, modifiedMs: 2_000 });
    assert.match(trace(), /Downloading cache from https:\/\/store\.example\.com\//);
  });

  it('is not downloaded when the local one is as new', async () => {
    const { files, store, run, trace } = openCacheStage();
    files.container.set(LOCAL, { text: archiveOf({ 'deps/a': 'local' }), modifiedMs: 2_000 });
    store.objects.set(objectOf('deps'), { text: archiveOf({}), modifiedMs: 2_000 });
    await run({ cache: {}, runnerCache: S3 });
    assert.equal(files.container.get(`${PROJECT}/deps/a`)?.text, 'local');
    assert.match(trace(), /cache\.zip is up to date/);
  });

  const missing: [type: string, isRestored: boolean][] = [
    ['azure', true],
    ['s3', false],
    ['gcs', false],
  ];
  for (const [type, isRestored] of missing) {
    it(`${isRestored ? 'is' : 'is not'} replaced by the local one where ${type} lacks it`, async () => {
      const { files, run, trace } = openCacheStage();
      files.container.set(LOCAL, { text: archiveOf({ 'deps/a': 'local' }), modifiedMs: 1_000 });
      const outcome = await run({ cache: {}, runnerCache: { type } });
      assert.deepEqual(outcome, isRestored ? NO_FAULT : INCOMPLETE);
      assert.equal(files.container.has(`${PROJECT}/deps/a`), isRestored);
      assert.doesNotMatch(trace(), /is up to date/);
    });
  }

  it('is found under the name that FF_HASH_CACHE_KEYS would give it', async () => {
    const { files, store, run } = openCacheStage();
    const text = archiveOf({ 'deps/a': 'hashed' });
    store.objects.set(objectOf('sh/sha256-deps'), { text, modifiedMs: 2_000 });
    await run({ cache: {}, runnerCache: S3 });
    assert.equal(files.container.get(`${PROJECT}/deps/a`)?.text, 'hashed');
  });

  it('is found under that name when the store refuses what it does not have', async () => {
    const { files, store, run } = openCacheStage();
    const text = archiveOf({ 'deps/a': 'hashed' });
    store.objects.set(objectOf('sh/sha256-deps'), { text, modifiedMs: 2_000 });
    store.faults.push(REFUSAL());
    assert.deepEqual(await run({ cache: {}, runnerCache: S3 }), NO_FAULT);
    assert.equal(files.container.get(`${PROJECT}/deps/a`)?.text, 'hashed');
  });

  it('fails by the first refusal when the store refuses both names', async () => {
    const { store, run, trace } = openCacheStage();
    store.faults.push(REFUSAL('the first'), REFUSAL('the second'));
    assert.deepEqual(await run({ cache: {}, runnerCache: S3 }), INCOMPLETE);
    assert.match(trace(), /WARNING: the first.*Failed to extract cache/s);
    assert.doesNotMatch(trace(), /the second/);
  });

  const faults: [faults: Error[], calls: number, isRestored: boolean, why: string][] = [
    [[STORE_IS_AWAY(), STORE_IS_AWAY()], 3, true, 'is tried three times'],
    [
      [STORE_IS_AWAY(), STORE_IS_AWAY(), STORE_IS_AWAY()],
      ...([3, false] as const),
      'is given up after three tries',
    ],
    [
      [REFUSAL()],
      ...([2, false] as const),
      'is asked for once by each of its names when it is refused',
    ],
  ];
  for (const [thrown, calls, isRestored, why] of faults) {
    it(`${why}, and the job continues`, async () => {
      const { files, store, run, trace } = openCacheStage();
      const text = archiveOf({ 'deps/a': 'of the store' });
      store.objects.set(objectOf('deps'), { text, modifiedMs: 2_000 });
      store.faults.push(...thrown);
      const outcome = await run({ cache: {}, runnerCache: S3 });
      assert.deepEqual(outcome, isRestored ? NO_FAULT : INCOMPLETE);
      assert.equal(store.calls, calls);
      assert.equal(files.container.has(`${PROJECT}/deps/a`), isRestored);
      assert.match(trace(), isRestored ? /Retrying\.\.\. \(try 2 of 3/ : /Failed to extract cache/);
    });
  }
});
