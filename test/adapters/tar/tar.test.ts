import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { FileMember } from '../../../src/ports/index.ts';
import { encodeHeader, paddingBytes } from '../../../src/adapters/tar/header.ts';
import { formatPax, parsePax } from '../../../src/adapters/tar/pax.ts';
import { readTar } from '../../../src/adapters/tar/reader.ts';
import { tarOf } from '../../../src/adapters/tar/writer.ts';
import {
  file,
  membersOf,
  scratchDirectory,
  TREE,
  UNUSUAL,
  type Plain,
} from '../archives/support.ts';
import { collectGarbage } from '../../support/collect-garbage.ts';

async function bytesOf(members: readonly Plain[]): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of tarOf(membersOf(members))) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* inPieces(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  for (let at = 0; at < bytes.byteLength; at += length) yield bytes.subarray(at, at + length);
}

async function read(bytes: Uint8Array, pieceBytes = 700): Promise<readonly Plain[]> {
  const all: Plain[] = [];
  for await (const entry of readTar(inPieces(bytes, pieceBytes))) {
    const { path, mode, uid, gid, modifiedMs, linkTarget, content } = entry;
    assert.ok(entry.kind !== 'link' && entry.kind !== 'other');
    const chunks: Uint8Array[] = [];
    for await (const chunk of content) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const name = path.replace(/\/$/, '');
    all.push({ path: name, kind: entry.kind, mode, uid, gid, modifiedMs, linkTarget, text });
  }
  return all;
}

describe('tars', () => {
  for (const pieceBytes of [1, 511, 512, 100_000]) {
    it(`return what was written, read in pieces of ${pieceBytes} bytes`, async () => {
      const members = [...TREE, ...UNUSUAL];
      assert.deepEqual(await read(await bytesOf(members), pieceBytes), members);
    });
  }

  it('can be read with or without their contents', async () => {
    const names: string[] = [];
    const bytes = await bytesOf(TREE);
    for await (const { path, kind, content } of readTar(inPieces(bytes, 1000))) {
      names.push(path.replace(/\/$/, ''));
      if (kind === 'file') await content.next();
    }
    assert.deepEqual(
      names,
      TREE.map(({ path }) => path),
    );
  });

  it('are refused when a file has another length than its header declares', async () => {
    const wrong = async function* (): AsyncGenerator<FileMember> {
      for await (const member of membersOf([file('f', 'four')])) yield { ...member, sizeBytes: 5 };
    };
    await assert.rejects(async () => {
      for await (const chunk of tarOf(wrong())) assert.ok(chunk.byteLength > 0);
    }, /its declared size of 5 bytes/);
  });

  it('are refused when they are cut off, damaged or not tars', async () => {
    const bytes = await bytesOf([file('f', 'x'.repeat(600))]);
    await assert.rejects(read(bytes.subarray(0, 700)), /ends in the middle/);
    await assert.rejects(read(bytes.subarray(0, 300)), /ends in the middle/);
    const damaged = Buffer.from(bytes);
    damaged[0] = 0x67;
    await assert.rejects(read(damaged), /invalid tar header/);
    await assert.rejects(read(Buffer.alloc(1024, 'text')), /invalid tar header/);
  });

  it('are refused when a pax header or a long name would fill the memory', async () => {
    const bytes = await bytesOf([file('caf\udce9', '')]);
    const large = Buffer.from(bytes);
    large.write('77777777777\0', 124, 'latin1');
    setChecksum(large);
    await assert.rejects(read(large), /too long/);
  });
});

describe('global headers', () => {
  it('do not fill the memory, however many records nobody reads', async () => {
    const limitBytes = 3_000_000;
    const tar = async function* (): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 16; count += 1) {
        yield globalHeader(`comment ${count}`, 'x'.repeat(1_000_000));
      }
      yield await bytesOf([file('f', '')]);
    };
    collectGarbage();
    const before = process.memoryUsage().arrayBuffers;
    const names: string[] = [];
    for await (const { path } of readTar(tar())) {
      names.push(path);
      collectGarbage();
      assert.ok(process.memoryUsage().arrayBuffers - before < limitBytes);
    }
    assert.deepEqual(names, ['f']);
  });

  it('apply to the members behind them', async () => {
    const bytes = Buffer.concat([
      globalHeader('uid', '1234'),
      globalHeader('gid', '5678'),
      await bytesOf([file('f', '')]),
    ]);
    assert.deepEqual(await read(bytes), [file('f', '', { uid: 1234, gid: 5678 })]);
  });

  it('are refused when they say that files are sparse', async () => {
    const bytes = [globalHeader('GNU.sparse.major', '1'), await bytesOf([file('f', '')])];
    await assert.rejects(read(Buffer.concat(bytes)), /sparse file/);
  });
});

function globalHeader(key: string, value: string): Buffer {
  const body = formatPax(new Map([[key, Buffer.from(value)]]));
  const size = body.byteLength;
  const header = encodeHeader({ ...file('g', ''), kind: 'file', sizeBytes: size });
  header.write('g', 156, 'latin1');
  setChecksum(header);
  return Buffer.concat([header, body, Buffer.alloc(paddingBytes(size))]);
}

function setChecksum(block: Buffer): void {
  block.fill(' ', 148, 156);
  const sum = block.subarray(0, 512).reduce((all, byte) => all + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

describe('pax records', () => {
  it('include their own length, also when that makes them longer', () => {
    for (const length of [0, 1, 89, 90, 91, 92, 93, 988, 989, 990, 991]) {
      const value = Buffer.alloc(length, 0xe9);
      const bytes = formatPax(new Map([['path', value]]));
      assert.equal(parseInt(bytes.toString('latin1')), bytes.byteLength);
      assert.deepEqual(Buffer.from(parsePax(bytes).get('path') ?? []), value);
    }
  });

  for (const text of ['x', '5 a=b', '7 a=b\n', '5 ab=\n', '0 a=b\n', '6 ab\n\n', '-6 a=b\n']) {
    it(`are refused when malformed: ${JSON.stringify(text)}`, () => {
      assert.throws(() => parsePax(Buffer.from(text)), /invalid pax header/);
    });
  }
});

describe('GNU tar', () => {
  const formats = ['gnu', 'pax', 'posix', 'ustar', 'v7', 'oldgnu'] as const;
  for (const format of formats) {
    it(`is understood when it writes ${format}`, async (t) => {
      const dir = await scratchDirectory(t);
      const isNarrow = format === 'ustar' || format === 'v7';
      const name = isNarrow ? 'short' : 'n'.repeat(200);
      await mkdir(join(dir, 'd'));
      await writeFile(Buffer.concat([Buffer.from(`${dir}/d/caf`), Buffer.of(0xe9)]), 'Latin-1');
      await writeFile(join(dir, 'd', name), 'text');
      const seconds = isNarrow ? 1_600_000_000 : -86_400;
      const time = new Date(seconds * 1000); // a negative number would mean the current time
      await utimes(join(dir, 'd', name), time, time);
      const ids = isNarrow
        ? ['--owner=:1234', '--group=:5678']
        : ['--owner=:3000000', '--group=:3000001'];
      const made = spawnSync('tar', ['-C', dir, `--format=${format}`, ...ids, '-cf', '-', 'd']);
      assert.equal(made.status, 0, made.stderr.toString());
      const all = await read(made.stdout);
      const named = all.find(({ path }) => path === `d/${name}`);
      assert.equal(named?.text, 'text');
      assert.equal(named.modifiedMs, seconds * 1000);
      assert.equal(named.uid, isNarrow ? 1234 : 3_000_000);
      assert.equal(all.find(({ path }) => path === 'd/caf\udce9')?.text, 'Latin-1');
    });
  }

  it('reads archives of this writer', async (t) => {
    const dir = await scratchDirectory(t);
    const members = [file('caf\udce9', 'Latin-1'), file('n'.repeat(200), 'long'), file('ö', 'o')];
    const { status, stderr } = spawnSync('tar', ['-C', dir, '--no-same-owner', '-xf', '-'], {
      input: await bytesOf(members),
      env: { ...process.env, LC_ALL: 'C' },
    });
    assert.equal(status, 0, stderr.toString());
    const names = await readdir(dir, { encoding: 'buffer' });
    assert.ok(names.some((name) => name.toString('hex') === '636166e9'));
    assert.equal(await readFile(join(dir, 'ö'), 'utf8'), 'o');
  });
});
