import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { openSpoolFile } from '../../../src/adapters/trace-spool/spool-file.ts';
import { TransientError } from '../../../src/domain/failure.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spool-file-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

describe('a spool file', () => {
  it('names its path when there is no space left, and keeps what it could not write', async () => {
    const full = await openSpoolFile('/dev/full');
    const bytes = Buffer.from('text');
    for (const more of [bytes, Buffer.alloc(0)]) {
      await assert.rejects(
        full.append(more),
        (error) =>
          error instanceof TransientError &&
          error.message === 'cannot write /dev/full: no space left (ENOSPC)',
      );
      assert.equal(full.lengthBytes, 0);
    }
    await full.close();
  });

  it('keeps a copy of bytes that it could not write, because the caller reuses their memory', async () => {
    const path = join(directory, 'trace');
    const file = await openSpoolFile(path);
    const bytes = Buffer.from('first');
    const ignore = (): void => undefined;
    process.on('SIGXFSZ', ignore);
    const limitFiles = (size: string): void =>
      void execFileSync('prlimit', ['--pid', `${process.pid}`, `--fsize=${size}:`]);
    limitFiles('2');
    try {
      await assert.rejects(file.append(bytes), /EFBIG/);
    } finally {
      limitFiles('unlimited');
      process.off('SIGXFSZ', ignore);
    }
    bytes.fill('!');
    await file.append(Buffer.from(' second'));
    await file.close();
    assert.equal(await readFile(path, 'utf8'), 'first second');
  });

  it('continues after the existing content', async () => {
    const path = join(directory, 'trace');
    await writeFile(path, '0123456789');
    const file = await openSpoolFile(path);
    assert.deepEqual(await file.examine(4), { sizeBytes: 10, crc: crc32('0123') });
    await file.truncate(4);
    await file.append(Buffer.from('ab'));
    assert.equal(file.lengthBytes, 6);
    assert.equal(Buffer.from(await file.read(2, 100)).toString(), '23ab');
    await file.close();
    assert.equal(await readFile(path, 'utf8'), '0123ab');
  });
});
