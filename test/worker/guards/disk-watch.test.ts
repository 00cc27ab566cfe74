import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findShortage, type DiskSpace } from '../../../src/worker/guards/disk-watch.ts';

const MIB = 1024 * 1024;
const MANY = { free: 1_000_000, total: 2_000_000 };

const cases: readonly [space: DiskSpace, expected: 'space' | 'inodes' | undefined, why: string][] =
  [
    [{ bytes: { free: 300 * MIB, total: 1e12 }, files: MANY }, undefined, 'enough for what runs'],
    [{ bytes: { free: 200 * MIB, total: 1e12 }, files: MANY }, 'space', 'below 256 MiB'],
    [
      { bytes: { free: 3 * MIB, total: 32 * MIB }, files: MANY },
      undefined,
      'small, nine tenths full',
    ],
    [{ bytes: { free: MIB, total: 32 * MIB }, files: MANY }, 'space', 'small, and below 5 %'],
    [{ bytes: MANY, files: { free: 10, total: 1e6 } }, 'inodes', 'no more files can be made'],
    [{ bytes: MANY, files: { free: 0, total: 0 } }, undefined, 'btrfs does not count them'],
  ];

describe('the free space on the disk that a new job needs', () => {
  for (const [space, expected, why] of cases) {
    it(`${expected === undefined ? 'is enough' : `lacks ${expected}`}: ${why}`, () => {
      assert.equal(findShortage(space), expected);
    });
  }
});
