import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { createArchives } from '../../../src/adapters/archives/archives.ts';
import { zstd, zstdPacking } from '../../../src/adapters/archives/zstd.ts';
import { encodeHeader } from '../../../src/adapters/tar/header.ts';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';
import {
  collect,
  directory,
  file,
  membersOf,
  NEVER,
  scratchDirectory,
  symlink,
  TREE,
  type Plain,
} from './support.ts';

const archives = createArchives();

async function packed(t: TestContext, members: readonly Plain[]): Promise<string> {
  const path = join(await scratchDirectory(t), 'archive');
  const order = { file: path, format: 'tarzstd', level: 'default', signal: NEVER } as const;
  await archives.pack(order, membersOf(members));
  return path;
}

async function assertRefused(path: string, said: RegExp): Promise<void> {
  await assert.rejects(collect(archives.unpack(path, NEVER)), (error: unknown) => {
    assert.ok(error instanceof FinalError);
    assert.equal(error.type, FailureType.InvalidArchive);
    assert.match(error.message, said);
    return true;
  });
}

const LARGE_TREE: readonly Plain[] = [...TREE, file('larger.bin', 'abcdefghij'.repeat(300_000))];

describe('a tar packed by zstd', { skip: zstd === undefined && 'this Node has no zstd' }, () => {
  it('returns what was packed, and is smaller', async (t) => {
    const path = await packed(t, LARGE_TREE);
    assert.ok((await readFile(path)).byteLength < 50_000);
    assert.deepEqual(await collect(archives.unpack(path, NEVER)), LARGE_TREE);
  });

  it('returns the most compressible content', async (t) => {
    const zeros = file('zeros', '\0'.repeat(60_000_000));
    const [member] = await collect(archives.unpack(await packed(t, [zeros]), NEVER));
    assert.ok(member?.text === zeros.text);
  });

  it('is refused when it says to hold more than zstd can pack', async (t) => {
    const claim = encodeHeader({ ...file('claim', ''), kind: 'file', sizeBytes: 60_000_000 });
    const path = join(await scratchDirectory(t), 'archive');
    await writeFile(path, (await zstdPacking(3)?.atOnce(claim)) ?? '');
    await assertRefused(path, /says to hold more than/);
  });

  it('begins with the directories that occur only in paths', async (t) => {
    const path = await packed(t, [file('a/b/c', 'deep')]);
    const paths: string[] = [];
    for await (const member of archives.unpack(path, NEVER)) paths.push(member.path);
    assert.deepEqual(paths, ['a', 'a/b', 'a/b/c']);
  });

  const hostile: readonly (readonly [why: string, members: readonly Plain[], said: RegExp])[] = [
    ['leads out', [file('../x', '')], /leads out/],
    ['has an absolute name', [file('/etc/passwd', '')], /absolute/],
    ['lies below a link', [symlink('l', '/etc'), file('l/passwd', '')], /symbolic link/],
    ['lies below a link by a second slash', [symlink('a/b', '/etc'), file('a//b/c', '')], /"a\/b"/],
    ['lies below a link by a dot', [symlink('a/b', '/etc'), file('a/./b/./c', '')], /"a\/b"/],
    ['lies below such a link', [symlink('.//a/./b', '/etc'), file('a/b/c', '')], /"a\/b"/],
    ['is there twice', [file('a', '1'), file('a', '2')], /twice/],
    ['is there twice by another spelling', [file('a/b', '1'), file('./a//b', '2')], /twice/],
    ['is a link in the place of a file', [file('a', '1'), symlink('./a/.', '/etc')], /twice/],
  ];
  for (const [why, members, said] of hostile) {
    it(`is refused before anything is returned: a member ${why}`, async (t) => {
      await assertRefused(await packed(t, members), said);
    });
  }

  it('names its members by the shortest path, and not its own directory', async (t) => {
    const path = await packed(t, [directory('.'), directory('a//b'), file('./a/./b//c', '')]);
    const paths = (await collect(archives.unpack(path, NEVER))).map((member) => member.path);
    assert.deepEqual(paths, ['a/b', 'a/b/c']);
  });

  it('is refused when it was cut off', async (t) => {
    const path = await packed(t, LARGE_TREE);
    await writeFile(path, (await readFile(path)).subarray(0, -20));
    await assertRefused(path, /cannot be read/);
  });
});

describe('without zstd', { skip: zstd !== undefined && 'this Node has zstd' }, () => {
  it('a tar packed by zstd is neither made nor read, and the error tells the reason', async (t) => {
    assert.equal(archives.canPack('tarzstd'), false);
    await assert.rejects(packed(t, LARGE_TREE), /has no zstd: 22\.15/);
    const path = join(await scratchDirectory(t), 'archive');
    await writeFile(path, Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]));
    await assertRefused(path, /packed by zstd.*22\.15/);
  });
});
