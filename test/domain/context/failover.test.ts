import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeLoss, formatTakeover } from '../../../src/domain/context/failover.ts';

const NODE = { name: 'build-3-0a1b2c', sinceMs: Date.UTC(2026, 10, 25, 3, 4, 5, 678) };
const RESCUE = { sealedJob: '', isWhole: true, waitMs: 300_000 };

const losses: [isWhole: boolean, hasBegun: boolean, end: string, why: string][] = [
  [true, true, 'its script may have begun, so it is not run again', 'a script runs once'],
  [false, true, 'its script may have begun, so it is not run again', 'that matters more'],
  [false, false, 'it is too large to be moved to another node', 'it could have moved'],
];
for (const [isWhole, hasBegun, end, why] of losses) {
  it(`a loss names node, moment, wait and reason: ${why}`, () => {
    assert.equal(
      describeLoss(NODE, { ...RESCUE, isWhole }, hasBegun),
      `node build-3-0a1b2c has not answered since 2026-11-25 03:04:05 UTC, nor come back within 5m0s; ${end}`,
    );
  });
}

it('earlier output is separated from later output on a line of its own', () => {
  const line = formatTakeover({ term: 1, purpose: 'run', from: NODE }, 'build-4-d4e5f6');
  assert.match(line, /^\n[^\n]+since 2026-11-25 03:04:05 UTC[^\n]+on node build-4-d4e5f6[^\n]*\n$/);
});

it('a build that is only reported tells the whole reason in its last line', () => {
  assert.equal(formatTakeover({ term: 1, purpose: 'report', from: NODE }, 'build-4-d4e5f6'), '\n');
});
