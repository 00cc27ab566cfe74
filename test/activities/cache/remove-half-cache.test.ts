import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { archiveOf, halfArchiveOf } from '../support/fake-files.ts';
import type { FakeScript } from '../support/world.ts';
import { CACHE, openCacheStage, PROJECT } from './support.ts';

const UNWANTED = `${PROJECT}.tmp/.glr.unwanted`;

interface Options {
  readonly isWanted?: boolean;
  readonly helper?: FakeScript;
}

/** Restores a cache whose archive breaks off after `deps/a`. A fallback key has a whole one. */
async function restore({ isWanted = true, helper = {} }: Options = {}) {
  const { files, run, trace } = openCacheStage();
  const cacheOf = (key: string): string => `${CACHE}/${key}/cache.zip`;
  const half = halfArchiveOf({ 'deps/a': 'half' });
  files.container.set(cacheOf('deps'), { text: half, modifiedMs: 1 });
  files.container.set(cacheOf('main'), { text: archiveOf({ 'deps/b': 'whole' }), modifiedMs: 1 });
  const outcome = await run({
    cache: { paths: ['deps/*', 'vendor'], fallback_keys: ['main'] },
    variables: { FF_CLEAN_UP_FAILED_CACHE_EXTRACT: `${isWanted}` },
    helper,
  });
  const restored = files.container.get(`${PROJECT}/deps/b`)?.text;
  return { outcome, restored, listed: files.put.get(UNWANTED), said: trace() };
}

describe('what was unpacked of a cache that breaks off', () => {
  it('is removed with its literal paths before the next key, if the job wants that', async () => {
    const { outcome, restored, listed, said } = await restore();
    assert.equal(outcome.kind, 'succeeded');
    assert.equal(listed, './vendor\0./deps/a\0');
    assert.equal(restored, 'whole');
    assert.match(said, /Failed to extract cache[^]*Removing deps[^]*Checking cache for main/);
    assert.doesNotMatch(said, /could not be removed/);
  });

  it('stays unless the job wants it removed', async () => {
    const { restored, listed, said } = await restore({ isWanted: false });
    assert.deepEqual([listed, restored], [undefined, 'whole']);
    assert.doesNotMatch(said, /Removing/);
  });

  it('costs a warning where it cannot be removed, and never the job', async () => {
    const { outcome, restored, said } = await restore({ helper: { exitCode: 1 } });
    assert.equal(outcome.kind, 'succeeded');
    assert.equal(restored, 'whole');
    assert.match(said, /WARNING: What was extracted of the cache could not be removed/);
  });
});
