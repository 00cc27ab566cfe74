import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  areFilesShort,
  buildsWithin,
  describeTooFewFiles,
} from '../../../src/domain/runner/open-files.ts';

describe('a limit of open files', () => {
  const ALLOWED: readonly (readonly [limit: number, builds: number, why: string])[] = [
    [128, 3, 'the least with which the program starts'],
    [256, 14, 'as on macOS'],
    [1_024, 78, 'as in a shell'],
    [64, 1, 'one is always tried'],
  ];
  for (const [limit, builds, why] of ALLOWED) {
    it(`of ${limit} allows ${builds} builds: ${why}`, () => {
      assert.equal(buildsWithin(limit), builds);
    });
  }

  it('is reached when hardly any are left', () => {
    assert.equal(areFilesShort({ used: 104, limit: 128 }), false);
    assert.equal(areFilesShort({ used: 105, limit: 128 }), true);
  });

  it('may be too low to load the program', () => {
    assert.equal(describeTooFewFiles({ used: 20, limit: 128 }), undefined);
    assert.match(describeTooFewFiles({ used: 20, limit: 127 }) ?? '', /127 files only.*least 128/);
  });
});
