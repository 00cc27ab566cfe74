import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  createLargePatches,
  createPatchSizes,
  USUAL_PATCH_BYTES,
  type PatchSizes,
} from '../../../src/domain/trace/patch-size.ts';

const MIB = 1024 * 1024;
const FAR_BEHIND = 100 * MIB;

/** Returns the size that the next patch may have, in MiB, when no other patch is in progress. */
function nextMib(sizes: PatchSizes, waitingBytes = FAR_BEHIND): number {
  const permit = sizes.take(waitingBytes);
  permit.giveBack();
  return permit.maxBytes / MIB;
}

/** Creates sizes that have grown to their limit. */
function grown(large = createLargePatches()): PatchSizes {
  const sizes = createPatchSizes(large);
  for (const mib of [1, 2, 4]) sizes.learn(mib * MIB, 'taken');
  return sizes;
}

describe('the size of a patch', () => {
  it('grows up to four times while GitLab accepts full patches', () => {
    const sizes = createPatchSizes(createLargePatches());
    const seen = Array.from({ length: 5 }, () => {
      const mib = nextMib(sizes);
      sizes.learn(mib * MIB, 'taken');
      return mib;
    });
    assert.deepEqual(seen, [1, 2, 4, 4, 4]);
  });

  it('does not change while patches are not full', () => {
    const sizes = createPatchSizes(createLargePatches());
    sizes.learn(MIB - 1, 'taken');
    assert.equal(nextMib(sizes), 1);
  });

  it('begins small again after a fault', () => {
    const sizes = grown();
    sizes.learn(4 * MIB, 'failed');
    assert.equal(nextMib(sizes), 1);
    sizes.learn(MIB, 'taken');
    assert.equal(nextMib(sizes), 2);
  });

  it('stays at the size that every GitLab accepts when a patch was too large', () => {
    const sizes = grown();
    sizes.learn(4 * MIB, 'too_large');
    sizes.learn(MIB, 'taken');
    assert.equal(nextMib(sizes), 1);
  });

  it('also stays there when two large patches in a row fail and small ones do not', () => {
    const sizes = grown();
    for (const mib of [4, 1, 2, 1]) sizes.learn(mib * MIB, mib === 1 ? 'taken' : 'failed');
    assert.equal(nextMib(sizes), 1);
  });

  it('is large for two builds of a node at a time, whatever their GitLab is', () => {
    const large = createLargePatches();
    const [first, second] = [grown(large), grown(large)];
    const held = [first.take(FAR_BEHIND), second.take(FAR_BEHIND)];
    assert.deepEqual(
      held.map(({ maxBytes }) => maxBytes / MIB),
      [4, 4],
    );
    assert.equal(nextMib(first), 1);
    held[0]?.giveBack();
    held[0]?.giveBack();
    assert.equal(nextMib(first), 4);
  });

  it('needs no large patches for a log that hardly lags', () => {
    const large = createLargePatches();
    const sizes = grown(large);
    for (let build = 0; build < 3; build += 1) sizes.take(USUAL_PATCH_BYTES);
    assert.equal(nextMib(sizes), 4);
  });
});
