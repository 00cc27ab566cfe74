import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, stat, symlink as link } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { openPromise } from 'yauzl';
import { createArchives } from '../../src/adapters/archives.ts';
import type { FileMember } from '../../src/activities/ports.ts';
import { FinalError } from '../../src/domain/failure.ts';
import {
  collect,
  directory,
  file,
  membersOf,
  NEVER,
  scratchDirectory,
  TREE,
  type Plain,
} from './archives/support.ts';

const archives = createArchives();

async function packed(
  t: Parameters<typeof scratchDirectory>[0],
  members: readonly Plain[],
  order: { readonly format?: 'zip' | 'gzip' | 'raw'; readonly level?: 'fastest' | 'slowest' } = {},
): Promise<string> {
  const path = join(await scratchDirectory(t), 'archive');
  const { format = 'zip', level = 'slowest' } = order;
  const { sizeBytes } = await archives.pack(
    { file: path, format, level, signal: NEVER },
    membersOf(members),
  );
  assert.equal(sizeBytes, (await stat(path)).size);
  return path;
}

describe('a zip', () => {
  for (const level of ['fastest', 'slowest'] as const) {
    it(`gives back what was packed, at level ${level}`, async (t) => {
      const path = await packed(t, TREE, { level });
      assert.deepEqual(await collect(archives.unpack(path, NEVER)), TREE);
    });
  }

  it('is read by yauzl, with its sizes and sums', async (t) => {
    const zip = await openPromise(await packed(t, TREE));
    let count = 0;
    for await (const entry of zip.eachEntry()) {
      count += 1;
      const stream = await zip.openReadStreamPromise(entry);
      for await (const chunk of stream) assert.ok(chunk);
    }
    assert.equal(count, TREE.length);
  });

  it('is an empty list when there are no members', async (t) => {
    const path = await packed(t, []);
    assert.deepEqual(await collect(archives.unpack(path, NEVER)), []);
  });
});

describe('gzip', () => {
  it('has a member for each file, with its name and its path', async (t) => {
    const path = await packed(t, [directory('a'), file('a/b.xml', '<b/>'), file('ü.xml', '<u/>')], {
      format: 'gzip',
    });
    const bytes = await readFile(path);
    assert.equal(gunzipSync(bytes).toString(), '<b/><u/>');
    const text = bytes.toString('latin1');
    assert.ok(text.includes('b.xml\0a/b.xml\0'), text);
    assert.ok(text.includes('e:%C3%BC.xml\0e:%C3%BC.xml\0'), text);
  });
});

describe('raw', () => {
  it('is the one file', async (t) => {
    const path = await packed(t, [file('report.json', '{}')], { format: 'raw' });
    assert.equal(await readFile(path, 'utf8'), '{}');
  });

  it('refuses a second file', async (t) => {
    await assert.rejects(
      packed(t, [file('a', ''), file('b', '')], { format: 'raw' }),
      /only one file can be sent as raw/,
    );
  });
});

describe('pack', () => {
  it('leaves nothing behind when it is aborted', async (t) => {
    const path = join(await scratchDirectory(t), 'archive');
    const abort = new AbortController();
    const endless = async function* (): AsyncGenerator<FileMember, void, void> {
      for (let index = 0; ; index += 1) {
        if (index === 10) abort.abort(new Error('stopped'));
        yield* membersOf([file(`f${index}`, 'x')]);
      }
    };
    const order = { file: path, format: 'zip', level: 'default', signal: abort.signal } as const;
    await assert.rejects(archives.pack(order, endless()), /stopped/);
    assert.equal(existsSync(path), false);
  });

  it('says which file it was when the disk is full', async (t) => {
    const path = join(await scratchDirectory(t), 'archive.zip');
    await link('/dev/full', path); // a device that has no room, ever
    const order = { file: path, format: 'zip', level: 'default', signal: NEVER } as const;
    await assert.rejects(archives.pack(order, membersOf([file('a', 'a')])), (error) => {
      assert.ok(error instanceof FinalError);
      assert.equal(error.type, 'RunnerSystem');
      assert.match(error.message, /archive\.zip: the disk is full/);
      return true;
    });
  });

  it('fails when a file has other than its bytes', async (t) => {
    const path = join(await scratchDirectory(t), 'archive');
    const order = { file: path, format: 'zip', level: 'default', signal: NEVER } as const;
    for (const sizeBytes of [2, 4, 100_000]) {
      const lying = async function* (): AsyncGenerator<FileMember, void, void> {
        for await (const member of membersOf([file('a', 'abc')])) yield { ...member, sizeBytes };
      };
      await assert.rejects(archives.pack(order, lying()), /"a" has other than the/);
    }
  });
});
