import assert from 'node:assert/strict';
import { it } from 'node:test';
import { judgeLease, type LeaseStanding } from '../../../src/domain/build/lease.ts';

const cases: [
  memo: Record<string, unknown> | undefined,
  term: number,
  LeaseStanding,
  why: string,
][] = [
  [undefined, 0, 'held', 'nothing is known'],
  [{}, 0, 'held', 'a workflow without a word of it'],
  [{ nodeQueue: 'mine' }, 0, 'held', 'it never changed hands'],
  [{ nodeQueue: 'mine', term: 2 }, 0, 'held', 'it stayed here, although others were asked'],
  [{ nodeQueue: 'other' }, 0, 'lost', 'the job was handed to both'],
  [{ nodeQueue: 'other', term: 1 }, 0, 'lost', 'it was given away'],
  [{ nodeQueue: 'other', term: 1 }, 1, 'lost', 'two have taken it up, and the other one was heard'],
  [{ nodeQueue: 'other', term: 3 }, 1, 'lost', 'it was given away since'],
  [{ nodeQueue: 'other' }, 1, 'pending', 'taken over, and not heard yet'],
  [{ nodeQueue: 'other', term: 1 }, 2, 'pending', 'the same, the second time'],
  [
    { nodeQueue: 'other', term: '9' },
    1,
    'pending',
    'a fencing token that is no number does not count',
  ],
];
for (const [memo, fencingToken, expected, why] of cases) {
  it(`a claim with fencing token ${fencingToken} against ${JSON.stringify(memo)} is ${expected}: ${why}`, () => {
    assert.equal(judgeLease(memo, { nodeQueue: 'mine', fencingToken }), expected);
  });
}
