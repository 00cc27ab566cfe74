import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { CacheUses } from '../../../src/ports/cache-volumes.ts';
import { createCacheUses } from '../../../src/adapters/state/cache-uses.ts';
import { recordingLog } from '../../support/recording-log.ts';

const yes = (): Promise<boolean> => Promise.resolve(true);
const never = (): Promise<boolean> => Promise.reject(new Error('it was to be kept'));

describe('the last uses of cache volumes', () => {
  let directory: string;
  let nowMs: number;
  let uses: CacheUses;
  const { log, warnings } = recordingLog();
  const open = (): Promise<CacheUses> =>
    createCacheUses({ directory: join(directory, 'caches'), clock: { nowMs: () => nowMs }, log });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-uses-'));
    nowMs = 1_000_000;
    uses = await open();
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('outlive the process', async () => {
    await uses.noteUse('a');
    nowMs += 5_000;
    assert.equal(await (await open()).lastUseMs('a'), 1_000_000);
  });

  it('begin when the node first sees a volume', async () => {
    assert.equal(await uses.lastUseMs('unknown'), 1_000_000);
    nowMs += 5_000;
    assert.equal(await uses.lastUseMs('unknown'), 1_000_000);
    assert.equal(await uses.removeUnlessUsed('never-seen', nowMs, never), false);
  });

  it('allow a removal only when the volume was not used since', async () => {
    await uses.noteUse('a');
    assert.equal(await uses.removeUnlessUsed('a', 1_000_000, never), false);
    assert.equal(await uses.removeUnlessUsed('a', 1_000_001, yes), true);
    assert.deepEqual(await readdir(join(directory, 'caches')), []);
  });

  it('are kept of a volume that could not be removed', async () => {
    await uses.noteUse('a');
    assert.equal(await uses.removeUnlessUsed('a', 2_000_000, () => Promise.resolve(false)), false);
    assert.equal(await uses.lastUseMs('a'), 1_000_000);
  });

  it('make a build wait for the removal of a volume that it is about to mount', async () => {
    await uses.noteUse('a');
    const events: string[] = [];
    let end: (isRemoved: boolean) => void = () => undefined;
    const removal = new Promise<boolean>((resolve) => (end = resolve));
    const removed = uses.removeUnlessUsed('a', 2_000_000, () => removal);
    const noted = uses.noteUse('a').then(() => events.push('noted'));
    // Another volume does not have to wait.
    await uses.noteUse('b');
    events.push('removed');
    end(true);
    await Promise.all([removed, noted]);
    assert.deepEqual(events, ['removed', 'noted']);
    assert.deepEqual((await readdir(join(directory, 'caches'))).sort(), ['a', 'b']);
  });

  it('protect a volume that a build has begun to use during the check', async () => {
    await uses.noteUse('a');
    nowMs += 10_000;
    const noted = uses.noteUse('a');
    assert.equal(await uses.removeUnlessUsed('a', nowMs, never), false);
    await noted;
  });

  it('are forgotten when the volume is gone and would be too old anyway', async () => {
    for (const name of ['old-and-there', 'old-and-gone', 'about-to-be-made']) {
      await uses.noteUse(name);
    }
    await utimes(join(directory, 'caches', 'about-to-be-made'), 2_000, 2_000); // in seconds
    await uses.forgetOthers(new Set(['old-and-there']), 1_500_000);
    const left = await readdir(join(directory, 'caches'));
    assert.deepEqual(left.sort(), ['about-to-be-made', 'old-and-there']);
  });

  it('fail no build when they cannot be written', async () => {
    await rm(directory, { recursive: true });
    await uses.noteUse('a');
    assert.deepEqual(
      warnings.map(({ message }) => message),
      ['use of a cache volume not noted'],
    );
  });
});
