import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, stat, symlink as link, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { openPromise } from 'yauzl';
import { createArchives } from '../../../src/adapters/archives/archives.ts';
import { zstd } from '../../../src/adapters/archives/zstd.ts';
import type { FileMember } from '../../../src/ports/index.ts';
import { FinalError } from '../../../src/domain/failure.ts';
import { makeZip, type MadeMember } from '../../support/make-zip.ts';
import {
  collect,
  directory,
  file,
  membersOf,
  NEVER,
  scratchDirectory,
  TREE,
  UNUSUAL,
  type Plain,
} from './support.ts';

const archives = createArchives();
const NO_ZSTD_HERE = zstd === undefined && 'this Node has no zstd';

async function methodsIn(path: string): Promise<ReadonlySet<number>> {
  const methods = new Set<number>();
  const zip = await openPromise(path);
  for await (const { compressionMethod } of zip.eachEntry()) methods.add(compressionMethod);
  return methods;
}

async function packed(
  t: Parameters<typeof scratchDirectory>[0],
  members: readonly Plain[],
  order: {
    readonly format?: 'zip' | 'gzip' | 'raw' | 'zipzstd';
    readonly level?: 'fastest' | 'slowest';
  } = {},
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
    it(`returns what was packed, at level ${level}`, async (t) => {
      const members = [...TREE, ...UNUSUAL];
      const path = await packed(t, members, { level });
      assert.deepEqual(await collect(archives.unpack(path, NEVER)), members);
    });

    it(`returns what was packed by zstd, at level ${level}`, { skip: NO_ZSTD_HERE }, async (t) => {
      const members = [...TREE, ...UNUSUAL];
      const path = await packed(t, members, { level, format: 'zipzstd' });
      assert.deepEqual(await collect(archives.unpack(path, NEVER)), members);
      assert.ok((await methodsIn(path)).has(93));
    });
  }

  it('returns the most compressible content by zstd', { skip: NO_ZSTD_HERE }, async (t) => {
    const zeros = file('zeros', '\0'.repeat(60_000_000));
    const path = await packed(t, [zeros], { format: 'zipzstd' });
    const [member] = await collect(archives.unpack(path, NEVER));
    assert.ok(member?.text === zeros.text);
  });

  it('compresses content whose end a streaming reader could not find otherwise', async (t) => {
    const large = file('large', 'x'.repeat(70_000));
    const path = await packed(t, [file('small', 'x'), large], { level: 'fastest' });
    const zip = await openPromise(path);
    for await (const entry of zip.eachEntry()) {
      const isStreamed = (entry.generalPurposeBitFlag & 8) !== 0;
      assert.equal(entry.compressionMethod, isStreamed ? 8 : 0, entry.fileName);
    }
  });

  it('marks names as UTF-8 when they are', async (t) => {
    const zip = await openPromise(await packed(t, [file('ö', ''), file('\udce9', '')]), {
      decodeStrings: false,
    });
    const seen: (readonly [string, boolean])[] = [];
    for await (const { fileNameRaw, generalPurposeBitFlag } of zip.eachEntry()) {
      seen.push([fileNameRaw.toString('hex'), (generalPurposeBitFlag & 0x800) !== 0]);
    }
    assert.deepEqual(seen, [
      ['c3b6', true],
      ['e9', false],
    ]);
  });

  it(
    'is not packed by zstd when Node lacks it, and the error tells the reason',
    { skip: zstd !== undefined && 'this Node has zstd' },
    async (t) => {
      assert.equal(archives.canPack('zipzstd'), false);
      await assert.rejects(packed(t, TREE, { format: 'zipzstd' }), /has no zstd: 22\.15/);
      const path = join(await scratchDirectory(t), 'archive');
      await writeFile(path, makeZip([{ name: 'a', method: 93 }]));
      await assert.rejects(collect(archives.unpack(path, NEVER)), /has no zstd: 22\.15/);
    },
  );

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

describe('times in a zip of another program', () => {
  const seconds = (value: number): Buffer => {
    const field = Buffer.alloc(9);
    field.writeUInt16LE(0x5455, 0);
    field.writeUInt16LE(5, 2);
    field.writeUInt8(1, 4);
    field.writeUInt32LE(value >>> 0, 5);
    return field;
  };
  const dosTime = (year: number, month: number, day: number): number =>
    (((((year - 1980) & 0x7f) << 9) | (month << 5) | day) << 16) >>> 0;

  const cases: readonly (readonly [why: string, member: Partial<MadeMember>, time: string])[] = [
    [
      'Go of 1969, whose DOS year is one of 2097',
      { extra: seconds(-1), dosTime: dosTime(2097, 12, 31) },
      '1969-12-31T23:59:59Z',
    ],
    [
      'Info-ZIP of 1969, whose DOS year is its first',
      { extra: seconds(-1), dosTime: dosTime(1980, 1, 1) },
      '1969-12-31T23:59:59Z',
    ],
    [
      'Go of 2049',
      { extra: seconds(Date.UTC(2049, 5, 1) / 1000), dosTime: dosTime(2049, 6, 1) },
      '2049-06-01T00:00:00Z',
    ],
    [
      '2049, east of us',
      { extra: seconds(Date.UTC(2049, 5, 1) / 1000), dosTime: dosTime(2049, 6, 2) },
      '2049-06-01T00:00:00Z',
    ],
    [
      '2100',
      { extra: seconds(Date.UTC(2100, 5, 1) / 1000), dosTime: dosTime(2100, 6, 1) },
      '2100-06-01T00:00:00Z',
    ],
    ['today', { extra: seconds(1_600_000_000), dosTime: 0 }, '2020-09-13T12:26:40Z'],
    ['DOS alone', { dosTime: dosTime(2049, 6, 1) }, '2049-06-01T00:00:00Z'],
    [
      'a field that is cut',
      { extra: Buffer.from([0x55, 0x54, 1, 0, 1]), dosTime: dosTime(1999, 6, 1) },
      '1999-06-01T00:00:00Z',
    ],
  ];
  for (const [why, member, time] of cases) {
    it(`are read as they are meant: ${why}`, async (t) => {
      const path = join(await scratchDirectory(t), 'archive');
      await writeFile(path, makeZip([{ name: 'a', ...member }]));
      const [read] = await collect(archives.unpack(path, NEVER));
      assert.equal(new Date(read?.modifiedMs ?? NaN).toISOString(), time.replace('Z', '.000Z'));
    });
  }
});

describe('gzip', () => {
  it('has a member for each file, with its name and its path', async (t) => {
    const path = await packed(
      t,
      [directory('a'), file('a/b.xml', '<b/>'), file('ü.xml', '<u/>'), file('\udce9.xml', '')],
      {
        format: 'gzip',
      },
    );
    const bytes = await readFile(path);
    assert.equal(gunzipSync(bytes).toString(), '<b/><u/>');
    const text = bytes.toString('latin1');
    assert.ok(text.includes('b.xml\0a/b.xml\0'), text);
    assert.ok(text.includes('e:%C3%BC.xml\0e:%C3%BC.xml\0'), text);
    assert.ok(text.includes('e:%E9.xml\0e:%E9.xml\0'), text);
  });
});

describe('raw', () => {
  it('is the file itself', async (t) => {
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

  it('names the file when the disk is full', async (t) => {
    const path = join(await scratchDirectory(t), 'archive.zip');
    await link('/dev/full', path); // This is a device without any room.
    const order = { file: path, format: 'zip', level: 'default', signal: NEVER } as const;
    await assert.rejects(archives.pack(order, membersOf([file('a', 'a')])), (error) => {
      assert.ok(error instanceof FinalError);
      assert.equal(error.type, 'RunnerSystem');
      assert.match(error.message, /archive\.zip: the disk is full/);
      return true;
    });
  });

  it('fails when a file has more or fewer bytes than declared', async (t) => {
    const path = join(await scratchDirectory(t), 'archive');
    const order = { file: path, format: 'zip', level: 'default', signal: NEVER } as const;
    for (const sizeBytes of [2, 4, 100_000]) {
      const lying = async function* (): AsyncGenerator<FileMember, void, void> {
        for await (const member of membersOf([file('a', 'abc')])) yield { ...member, sizeBytes };
      };
      await assert.rejects(archives.pack(order, lying()), /"a" does not have its declared size/);
    }
  });
});
