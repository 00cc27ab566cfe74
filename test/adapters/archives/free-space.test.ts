import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { FileMember, PackOptions } from '../../../src/ports/index.ts';
import { createArchives } from '../../../src/adapters/archives/archives.ts';

const MIB = 1024 * 1024;
const DISK_MIB = 40;
const ZEROS = new Uint8Array(MIB);
const skip = process.getuid?.() === 0 ? false : 'mounting a small disk needs root';

async function* zeros(sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < sizeBytes; at += MIB) yield await Promise.resolve(ZEROS);
}

async function* fileOf(sizeBytes: number): AsyncGenerator<FileMember> {
  yield await Promise.resolve({
    ...{ path: 'cache.zip', kind: 'file', mode: 0o600, uid: 0, gid: 0, linkTarget: '' },
    ...{ modifiedMs: 0, sizeBytes, content: zeros(sizeBytes) },
  } as const);
}

describe('an archive on a disk of 40 MiB', { skip }, () => {
  const archives = createArchives();
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-room-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', directory]);
  });
  after(async () => {
    execFileSync('umount', [directory]);
    await rm(directory, { recursive: true });
  });

  const order = (format: PackOptions['format']): PackOptions => ({
    ...{ file: join(directory, 'archive'), format, level: 'fastest' },
    signal: new AbortController().signal,
  });

  const cases: readonly [
    format: PackOptions['format'],
    sizeBytes: number,
    fits: boolean,
    why: string,
  ][] = [
    ['raw', 30 * MIB, true, 'there is room'],
    ['raw', 1024 ** 5, false, 'a planted sparse file of a petabyte is not even begun'],
    ['raw', 39 * MIB, false, 'what the other builds need for their logs is left to them'],
    // Level 0 stores content without compression, so the final size shows only during packing.
    ['zip', 100 * MIB, false, 'it would fill the disk'],
  ];
  for (const [format, sizeBytes, fits, why] of cases) {
    it(`of ${sizeBytes} bytes as ${format} is ${fits ? 'made' : 'refused'}: ${why}`, async () => {
      const packing = archives.pack(order(format), fileOf(sizeBytes));
      if (fits) {
        await packing;
        return rm(join(directory, 'archive'));
      }
      await assert.rejects(packing, {
        type: 'RunnerSystem',
        message: /^write the archive .*: the disk is full: make room/,
      });
      assert.deepEqual(await readdir(directory), [], 'nothing of it is left');
    });
  }
});
