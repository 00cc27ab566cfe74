import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  areFilesShort,
  buildsWithin,
  describeTooFewFiles,
} from '../../../src/domain/runner/open-files.ts';

describe('a limit of open files', () => {
  const ALLOWED: readonly (readonly [limit: number, builds: number, why: string])[] = [
    [256, 14, 'the least with which the program starts'],
    [1_024, 78, 'as in a shell'],
    [64, 1, 'one is always tried'],
  ];
  for (const [limit, builds, why] of ALLOWED) {
    it(`of ${limit} allows ${builds} builds: ${why}`, () => {
      assert.equal(buildsWithin(limit), builds);
    });
  }

  it('is reached when few files are left', () => {
    assert.equal(areFilesShort({ used: 232, limit: 256 }), false);
    assert.equal(areFilesShort({ used: 233, limit: 256 }), true);
  });

  it('may be too low to load the program', () => {
    assert.equal(describeTooFewFiles({ used: 20, limit: 256 }), undefined);
    assert.match(describeTooFewFiles({ used: 20, limit: 255 }) ?? '', /255 files only.*least 256/);
  });
});
