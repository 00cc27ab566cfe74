import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createPipeStock, type PipeStock } from '../../../src/adapters/state/pipe-stock.ts';

let base = '';
before(async () => {
  base = await mkdtemp(join(tmpdir(), 'tgr-pipes-'));
});
after(() => rm(base, { recursive: true, force: true }));

async function setUp(): Promise<{ folder: string; directory: string; stock: PipeStock }> {
  const folder = await mkdtemp(join(base, 'case-'));
  const directory = join(folder, 'pipes');
  return { folder, directory, stock: createPipeStock({ directory, mode: 0o640 }) };
}

/** Runs the action with a `PATH` that has only this folder. */
async function withPath(path: string, action: () => Promise<void>): Promise<void> {
  const before = process.env['PATH'];
  process.env['PATH'] = path;
  try {
    await action();
  } finally {
    process.env['PATH'] = before;
  }
}

describe('a stock of named pipes', () => {
  it('gives each path a pipe of its own, with the mode', async () => {
    const { folder, stock } = await setUp();
    const files = Array.from({ length: 70 }, (_, index) => join(folder, `${index}`));
    await Promise.all(files.map((file) => stock.place(file)));
    const stats = await Promise.all(files.map((file) => stat(file)));
    assert.ok(stats.every((found) => found.isFIFO() && (found.mode & 0o777) === 0o640));
    assert.equal(new Set(stats.map(({ ino }) => ino)).size, 70);
  });

  it('leaves a pipe alone that is there already', async () => {
    const { folder, stock } = await setUp();
    const file = join(folder, 'bell');
    await stock.place(file);
    const { ino } = await stat(file);
    await stock.place(file);
    assert.equal((await stat(file)).ino, ino);
  });

  it('starts one process for many pipes', async () => {
    const { folder, stock } = await setUp();
    const runs = join(folder, 'runs');
    const program = `#!/bin/sh\necho run >>'${runs}'\nPATH=/usr/bin:/bin exec mkfifo "$@"\n`;
    await writeFile(join(folder, 'mkfifo'), program, { mode: 0o755 });
    await withPath(folder, async () => {
      for (let index = 0; index < 20; index += 1) await stock.place(join(folder, `${index}`));
    });
    assert.ok((await stat(join(folder, '19'))).isFIFO());
    assert.equal(await readFile(runs, 'utf8'), 'run\n');
  });

  it('replaces what somebody deletes', async () => {
    const { folder, directory, stock } = await setUp();
    await stock.place(join(folder, 'first'));
    await rm(directory, { recursive: true });
    await stock.place(join(folder, 'second'));
    await stock.place(join(folder, 'third'));
    assert.ok((await stat(join(folder, 'second'))).isFIFO());
    assert.ok((await stat(join(folder, 'third'))).isFIFO());
  });

  it('keeps its unused pipes when a pipe cannot be placed', async () => {
    const { folder, directory, stock } = await setUp();
    await stock.place(join(folder, 'first'));
    await stock.place(join(folder, 'missing', 'second'));
    const unused = (await readdir(directory)).length;
    for (let index = 0; index < unused; index += 1) await stock.place(join(folder, `${index}`));
    assert.deepEqual(await readdir(directory), []);
  });

  it('places nothing where there is no program for it', async () => {
    const { folder, stock } = await setUp();
    await withPath(folder, () => stock.place(join(folder, 'bell')));
    await assert.rejects(stat(join(folder, 'bell')), { code: 'ENOENT' });
  });
});
