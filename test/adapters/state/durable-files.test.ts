import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { makeFile, syncIfThere, writeDurably } from '../../../src/adapters/state/durable-files.ts';
import { countFileOperations } from '../../support/file-operations.ts';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tgr-durable-'));
  file = join(directory, 'file');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

async function withUmask(mask: number, work: () => Promise<void>): Promise<void> {
  const before = process.umask(mask);
  try {
    await work();
  } finally {
    process.umask(before);
  }
}

describe('a file that is written durably', () => {
  const umasks: [mask: number, why: string][] = [
    [0o000, 'takes nothing'],
    [0o022, 'is the usual one'],
    [0o077, 'takes all but the owner’s bits'],
  ];
  for (const [mask, why] of umasks) {
    it(`is for its owner alone under a umask that ${why}`, async () => {
      await withUmask(mask, () => writeDurably(file, Buffer.from('text')));
      assert.equal(await modeOf(file), 0o600);
      assert.equal(await readFile(file, 'utf8'), 'text');
    });
  }

  it('replaces one of another mode, and a draft that a killed process has left', async () => {
    await writeFile(file, 'old', { mode: 0o644 });
    await writeFile(`${file}.tmp`, 'half of a longer old draft', { mode: 0o644 });
    await chmod(`${file}.tmp`, 0o666);
    await writeDurably(file, Buffer.from('new'));
    assert.equal(await readFile(file, 'utf8'), 'new');
    assert.equal(await modeOf(file), 0o600);
    assert.deepEqual(await readdir(directory), ['file']);
  });

  it('stays as it was where the new one cannot be written', async () => {
    await writeDurably(file, Buffer.from('old'));
    await mkdir(`${file}.tmp`);
    await assert.rejects(writeDurably(file, Buffer.from('new')));
    assert.equal(await readFile(file, 'utf8'), 'old');
  });

  it('is synced, and so is its directory: five operations in all', async () => {
    const { counts } = await countFileOperations(() => writeDurably(file, Buffer.from('text')));
    // The counter itself opens a file.
    assert.deepEqual(Object.fromEntries(counts), { writeFile: 1, '.sync': 2, rename: 1, open: 2 });
  });
});

describe('a file that is made', () => {
  it('is empty and has its mode under each umask, also when somebody has changed that', async () => {
    await withUmask(0o077, () => makeFile(file, 0o666));
    assert.equal(await modeOf(file), 0o666);
    await writeFile(file, 'said');
    await chmod(file, 0);
    await makeFile(file, 0o644);
    assert.equal(await modeOf(file), 0o644);
    assert.equal(await readFile(file, 'utf8'), 'said');
  });
});

it('a directory that is gone needs no sync', async () => {
  await syncIfThere(join(directory, 'gone'));
  await syncIfThere(directory);
});
