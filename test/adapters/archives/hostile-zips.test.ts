import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import * as fc from 'fast-check';
import { createArchives } from '../../../src/adapters/archives/archives.ts';
import { FinalError } from '../../../src/domain/failure.ts';
import { DIRECTORY, makeZip, SYMLINK, type MadeMember } from '../../support/make-zip.ts';
import { collect, file, membersOf, NEVER, scratchDirectory, type Plain } from './support.ts';

const archives = createArchives();

/**
 * The members that are read from an archive before it is refused, and the reason of the refusal.
 */
async function refusalOf(path: string): Promise<{ readonly given: number; readonly why: string }> {
  let given = 0;
  try {
    for await (const member of archives.unpack(path, NEVER)) {
      given += 1;
      for await (const chunk of member.content) assert.ok(chunk);
    }
  } catch (error) {
    assert.ok(error instanceof FinalError, String(error));
    assert.equal(error.type, 'InvalidArchive');
    return { given, why: error.message };
  }
  return { given, why: 'nothing' };
}

async function saved(t: TestContext, bytes: Buffer): Promise<string> {
  const path = join(await scratchDirectory(t), 'hostile.zip');
  await writeFile(path, bytes);
  return path;
}

const plain = (name: string | Buffer, rest: Partial<MadeMember> = {}): MadeMember => ({
  ...{ name, content: 'x' },
  ...rest,
});
const link = (name: string, target: string): MadeMember => ({
  ...{ name, content: target, mode: SYMLINK },
});
const DOS = 0x0014;

/** Refused by their headers: no member is read. */
const BY_LIST: readonly (readonly [why: string, members: readonly MadeMember[], said: RegExp])[] = [
  ['climbs out', [plain('../evil')], /leads out/],
  ['climbs out from below', [plain('a/../../evil')], /leads out/],
  ['climbs out, then in', [plain('../checkout/evil')], /leads out/],
  ['climbs in its middle, though not out', [plain('a/../b')], /leads out/],
  ['is the parent itself', [plain('..')], /leads out/],
  ['is a directory outside', [{ name: '../evil/', mode: DIRECTORY }], /leads out/],
  ['is a link outside', [link('../evil', 'x')], /leads out/],
  ['climbs behind a good one', [plain('good'), plain('../evil')], /leads out/],
  ['climbs by way of the local header too', [plain('../evil', { localName: 'good' })], /leads out/],
  ['is absolute', [plain('/etc/passwd')], /absolute/],
  ['is absolute twice over', [plain('//etc/passwd')], /absolute/],
  ['has no name', [plain('')], /has no name/],
  ['has a NUL', [plain('good\0/../../evil')], /NUL/],
  ['has a backslash, made on DOS', [plain('..\\evil', { madeBy: DOS })], /backslash/],
  ['has a drive, made on DOS', [plain('C:evil', { madeBy: DOS })], /drive/],
  ['has a part of 256 bytes', [plain('n'.repeat(256))], /too long/],
  ['has a part of 128 characters of 2 bytes', [plain('ü'.repeat(128))], /too long/],
  ['has a path of 4,200 bytes', [plain('abcdef/'.repeat(600) + 'f')], /too long/],
  ['has a name of 65,535 bytes', [plain('n'.repeat(65_535))], /too long/],
  ['is there twice', [plain('a'), plain('a')], /there twice/],
  ['is there twice by another spelling', [plain('a/b'), plain('./a//b')], /there twice/],
  ['is a link in the place of a file', [plain('a'), link('a', '/etc')], /there twice/],
  ['is a file in the place of a link', [link('a', '/etc'), plain('a')], /there twice/],
  ['lies below a link', [link('a', '/etc'), plain('a/passwd')], /symbolic link/],
  ['lies far below a link', [link('a', '/'), plain('a/b/c/d')], /symbolic link/],
  [
    'lies below a chain of links',
    [link('a', '..'), link('b', 'a/..'), plain('b/x')],
    /symbolic link/,
  ],
  ['lies below a link to itself', [link('a', 'a'), plain('a/x')], /symbolic link/],
  ['makes a link of a directory in use', [plain('a/x'), link('a', '/etc')], /there twice/],
  [
    'makes a link of a directory that it has made',
    [{ name: 'a/', mode: DIRECTORY }, link('a', '/etc'), plain('a/x')],
    /there twice/,
  ],
  ['lies below a file', [plain('a'), plain('a/x')], /which is a file/],
  ['is encrypted', [plain('a', { flags: 0x801, packedBytes: 13 })], /encrypted/],
  ['is strongly encrypted', [plain('a', { flags: 0x841 })], /encryption/],
  ['is packed by xz', [plain('a', { method: 95 })], /method 95/],
  ['is packed by LZMA', [plain('a', { method: 14 })], /method 14/],
  ['is packed by an unknown method', [plain('a', { method: 65_535 })], /method 65535/],
  ['is stored, with two sizes', [plain('a', { sizeBytes: 100 })], /size mismatch/],
  ['promises more than deflate can hold', [plain('a', { method: 8, sizeBytes: 1e9 })], /hold more/],
  [
    'counts the same bytes a thousand times',
    Array.from({ length: 1_000 }, (_, index) =>
      plain(`f${index}`, { method: 8, offset: 0, sizeBytes: 10_000_000 }),
    ),
    /hold more/,
  ],
  [
    'has an extra field that is too long',
    [plain('a', { extra: Buffer.from([1, 0, 9, 0]) })],
    /extra/,
  ],
  [
    'has sizes beyond all numbers',
    [plain('a', { method: 8, sizeBytes: 0xffff_ffff, extra: zip64(0xffff_ffff_ffff_ffffn) })],
    /hold more/,
  ],
];

/** Refused by their content: the members before it are read. */
const BY_CONTENT: readonly (readonly [why: string, member: MadeMember, said: RegExp])[] = [
  [
    'holds more than it says',
    plain('a', { method: 8, content: 'x'.repeat(99), sizeBytes: 9 }),
    /more than the 9/,
  ],
  ['holds less than it says', plain('a', { method: 8, sizeBytes: 9 }), /less than the 9/],
  ['has another sum', plain('a', { crc32: 1 }), /checksum/],
  [
    'is no deflate stream',
    plain('a', { method: 8, packed: Buffer.alloc(50, 0xff) }),
    /cannot be read/,
  ],
  [
    'ends in the middle of its stream',
    plain('a', {
      method: 8,
      packed: deflateRawSync(randomBytes(999)).subarray(0, 500),
      sizeBytes: 999,
    }),
    /cannot be read/,
  ],
  ['points behind the end', plain('a', { offset: 0x7fff_ffff }), /cannot be read/],
  ['points to no header', plain('a', { offset: 3 }), /cannot be read/],
  ['reaches behind the end', plain('a', { method: 8, packedBytes: 1_000_000 }), /cannot be read/],
  ['is a link to nothing', { name: 'a', content: '', mode: SYMLINK }, /without a target/],
  ['is a link with a NUL', link('a', 'b\0c'), /without a target/],
  ['is a link that is too long', link('a', 'x'.repeat(5_000)), /too long/],
];

const GOOD = makeZip([plain('good')]);

/** Archives whose members cannot be listed. */
const BROKEN: readonly (readonly [why: string, bytes: Buffer, said: RegExp])[] = [
  ['is empty', Buffer.alloc(0), /refused/],
  ['is text', Buffer.from('<html>not found</html>'), /not a zip file/],
  ['is random', randomBytes(5_000), /refused/],
  ['was cut', GOOD.subarray(0, GOOD.byteLength - 10), /refused/],
  ['has bytes behind its end', Buffer.concat([GOOD, Buffer.from('more')]), /refused/],
  ['has more members than it lists', makeZip([plain('a')], { count: 2 }), /refused/],
  ['is a gzip', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), /gzip/],
  [
    'is a tar packed by zstd',
    Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0, 0, 0]),
    /zstd|cannot be read/,
  ],
  ['points to a zip64 record beyond all numbers', zip64End(0xffff_ffff_ffff_ffffn), /refused/],
  ['points to a zip64 record behind its end', zip64End(1_000_000n), /refused/],
];

describe('a zip that cannot be trusted', () => {
  for (const [why, members, said] of BY_LIST) {
    it(`is refused before anything is returned: a member ${why}`, async (t) => {
      const { given, why: reason } = await refusalOf(await saved(t, makeZip(members)));
      assert.match(reason, said);
      assert.equal(given, 0);
    });
  }
  for (const [why, member, said] of BY_CONTENT) {
    it(`is refused at the member that ${why}`, async (t) => {
      const { why: reason } = await refusalOf(await saved(t, makeZip([member, plain('later')])));
      assert.match(reason, said);
    });
  }
  for (const [why, bytes, said] of BROKEN) {
    it(`is refused when it ${why}`, async (t) => {
      const { given, why: reason } = await refusalOf(await saved(t, bytes));
      assert.match(reason, said);
      assert.equal(given, 0);
    });
  }

  it('is refused when it has too many members, however small they are', async (t) => {
    const path = await saved(t, zip64Count(1_000_001n));
    assert.match((await refusalOf(path)).why, /one too many|refused/);
  });

  it('is named so that it cannot forge a line of the trace', async (t) => {
    const name = `../\u001b[2J\nERROR: forged${'n'.repeat(300)}`;
    const { why } = await refusalOf(await saved(t, makeZip([plain(name)])));
    assert.doesNotMatch(why, /[\p{Cc}]/u);
    assert.ok(why.length < 300, why);
  });
});

describe('a zip that is unusual but valid', () => {
  const cases: readonly (readonly [
    why: string,
    members: readonly MadeMember[],
    paths: string[],
  ])[] = [
    ['names its own directory', [{ name: './', mode: DIRECTORY }, plain('./a')], ['a']],
    ['has a directory twice', [{ name: 'a/', mode: DIRECTORY }, { name: 'a/' }], ['a', 'a']],
    ['has a directory behind its files', [plain('a/x'), { name: 'a/' }], ['a/x', 'a']],
    [
      'has devices and pipes, which are left out',
      [plain('d', { mode: 0o020666 }), plain('p', { mode: 0o010666 })],
      [],
    ],
    ['has backslashes, made on unix', [plain('x\\x2d.service')], ['x\\x2d.service']],
    ['has a colon, made on unix', [plain('c:x')], ['c:x']],
    ['has no permissions of unix', [plain('a', { madeBy: DOS, mode: 0 })], ['a']],
    ['has names that are not UTF-8', [plain(Buffer.from([0x81]), { flags: 0 })], ['\udc81']],
    ['says so in vain', [plain(Buffer.from([0xe9]))], ['\udce9']],
    ['is made on a Mac', [plain('a', { madeBy: 0x1314 })], ['a']],
    ['has something in front of it', [plain('a')], ['a']],
  ];
  for (const [why, members, paths] of cases) {
    it(`is unpacked: it ${why}`, async (t) => {
      const all = await collect(archives.unpack(await saved(t, makeZip(members)), NEVER));
      assert.deepEqual(
        all.map(({ path }) => path),
        paths,
      );
    });
  }

  it('gives nobody else the rights of a file’s owner', async (t) => {
    const path = await saved(t, makeZip([plain('a', { mode: 0o106755 })]));
    const [member] = await collect(archives.unpack(path, NEVER));
    assert.equal(member?.mode, 0o755);
  });
});

/** 10,000 in all, with a printed seed when one fails. */
describe('a random zip', () => {
  let path = '';
  const directories: string[] = [];
  before(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tgr-archives-'));
    directories.push(directory);
    path = join(directory, 'random.zip');
  });
  after(() => Promise.all(directories.map((one) => rm(one, { recursive: true, force: true }))));

  it('returns what was packed', { timeout: 240_000 }, async () => {
    const name = fc
      .array(fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }), {
        minLength: 1,
        maxLength: 4,
      })
      .map((parts) => parts.join('/'))
      .filter((text) =>
        text
          .split('/')
          .every((part) => !['', '.', '..'].includes(part) && Buffer.byteLength(part) < 256),
      )
      .filter((text) => !text.includes('\0') && Buffer.from(text).toString() === text);
    const member = fc.record({ name, text: fc.string({ maxLength: 300 }), mode: fc.nat(0o777) });
    const tree = fc.uniqueArray(member, { maxLength: 6, selector: ({ name: key }) => key });
    await fc.assert(
      fc.asyncProperty(tree, fc.constantFrom('fastest', 'default'), async (members, level) => {
        const all = withoutConflicts(
          members.map((one) => file(one.name, one.text, { mode: one.mode })),
        );
        await archives.pack({ file: path, format: 'zip', level, signal: NEVER }, membersOf(all));
        assert.deepEqual(await collect(archives.unpack(path, NEVER)), all);
      }),
      { numRuns: 1_000 },
    );
  });

  it(
    'never hangs, crashes or escapes when some of its bytes are changed',
    { timeout: 240_000 },
    async () => {
      const base = makeZip([
        plain('dir/file', { content: 'text '.repeat(50), method: 8 }),
        link('link', 'dir'),
        { name: 'dir/', mode: DIRECTORY },
        plain('stored', { content: 'stored' }),
      ]);
      const change = fc.record({ at: fc.nat(base.byteLength - 1), to: fc.nat(255) });
      await fc.assert(
        fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 8 }), async (changes) => {
          const bytes = Buffer.from(base);
          for (const { at, to } of changes) bytes[at] = to;
          await holdsOrRefuses(path, bytes);
        }),
        { numRuns: 7_000 },
      );
    },
  );

  it(
    'never hangs, crashes or escapes when it is garbage with a valid end',
    { timeout: 240_000 },
    async () => {
      const garbage = fc.tuple(
        fc.uint8Array({ maxLength: 200 }),
        fc.uint8Array({ minLength: 18, maxLength: 60 }),
      );
      await fc.assert(
        fc.asyncProperty(garbage, async ([head, tail]) => {
          const mark = Buffer.from([0x50, 0x4b, 5, 6]);
          await holdsOrRefuses(path, Buffer.concat([head, mark, tail]));
        }),
        { numRuns: 2_000 },
      );
    },
  );
});

/** Every member that is read stays below its directory. */
async function holdsOrRefuses(path: string, bytes: Buffer): Promise<void> {
  await writeFile(path, bytes);
  try {
    for (const member of await collect(archives.unpack(path, NEVER))) {
      assert.ok(!member.path.startsWith('/') && !member.path.split('/').includes('..'));
      assert.ok(!member.path.includes('\0'));
    }
  } catch (error) {
    assert.ok(error instanceof FinalError && error.type === 'InvalidArchive', String(error));
  }
}

/** No file has files below it. */
function withoutConflicts(all: readonly Plain[]): readonly Plain[] {
  return all.filter(({ path }) => !all.some((other) => path.startsWith(`${other.path}/`)));
}

function zip64(sizeBytes: bigint): Buffer {
  const field = Buffer.alloc(12);
  field.writeUInt16LE(1, 0);
  field.writeUInt16LE(8, 2);
  field.writeBigUInt64LE(sizeBytes, 4);
  return field;
}

/** An end record that points to a zip64 record. */
function zip64End(offset: bigint): Buffer {
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(offset, 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([locator, makeZip([])]);
}

/** A zip64 archive that announces this many members and has none. */
function zip64Count(count: bigint): Buffer {
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeBigUInt64LE(count, 24);
  record.writeBigUInt64LE(count, 32);
  return Buffer.concat([record, zip64End(0n)]);
}
