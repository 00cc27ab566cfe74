import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  askedWaitMs,
  backoffMs,
  judgeRetry,
  MAX_TRIES,
  shouldRetryStatus,
} from '../../../src/domain/runner/retry.ts';

const NOW_MS = Date.parse('2026-11-24T12:00:00Z');
const IN_30_S = 'Tue, 24 Nov 2026 12:00:30 GMT';
const AGO_30_S = 'Tue, 24 Nov 2026 11:59:30 GMT';

describe('statuses worth another try', () => {
  for (const status of [408, 429, 500, 502, 503, 504, 512, 520, 599]) {
    it(`${status} is`, () => assert.equal(shouldRetryStatus(status), true));
  }
  for (const status of [200, 204, 403, 404, 409, 416, 422, 501, 505, 507, 511]) {
    it(`${status} is not`, () => assert.equal(shouldRetryStatus(status), false));
  }
});

describe('the pause that GitLab asks for', () => {
  const cases: [
    reset: string | null,
    after: string | null,
    expected: number | undefined,
    why: string,
  ][] = [
    [null, null, undefined, 'nothing is asked'],
    [IN_30_S, null, 30_000, 'until the date'],
    [IN_30_S, '7', 30_000, 'the reset time goes first'],
    [AGO_30_S, '7', 7_000, 'unless it is past'],
    ['soon', '7', 7_000, 'or nonsense'],
    [null, '7', 7_000, 'seconds'],
    [null, '1000000000', 1e12, 'not capped here'],
    [null, '0', undefined, 'no wait is none'],
    [null, '-5', undefined, 'before now'],
    [null, '1.5', undefined, 'no whole number'],
    [null, '2026', 2_026_000, 'a number is never a year'],
    [null, IN_30_S, 30_000, 'a date, which gitlab-runner does not read'],
    [null, AGO_30_S, undefined, 'a date that is past'],
    [null, '', undefined, 'an empty header'],
  ];
  for (const [rateLimitResetTime, retryAfter, expected, why] of cases) {
    it(`of ${rateLimitResetTime} and ${retryAfter} is ${expected}: ${why}`, () => {
      assert.equal(askedWaitMs({ rateLimitResetTime, retryAfter }, NOW_MS), expected);
    });
  }
});

describe('the pause when GitLab asks for none', () => {
  it('doubles, with jitter above 100 ms', () => {
    assert.equal(backoffMs(1, 0.9), 100);
    assert.deepEqual([backoffMs(2, 0), backoffMs(2, 0.5)], [100, 150]);
    assert.equal(backoffMs(4, 0.5), 450);
  });

  it('is never below 100 ms nor above a minute', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2_000 }),
        fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
        (failedTries, random) => {
          const waitMs = backoffMs(failedTries, random);
          return waitMs >= 100 && waitMs <= 60_000;
        },
      ),
    );
  });
});

describe('what to do after an answer', () => {
  const failed = {
    status: 503,
    hints: { rateLimitResetTime: null, retryAfter: null as string | null },
    ...{ failedTries: 1, waitedMs: 0, budgetMs: 5_000, nowMs: NOW_MS, random: 0 },
  };
  const asks = (retryAfter: string) => ({ ...failed.hints, retryAfter });

  it('waits as requested while the budget lasts', () => {
    assert.deepEqual(judgeRetry(failed), { kind: 'wait', waitMs: 100 });
    assert.deepEqual(judgeRetry({ ...failed, hints: asks('5') }), { kind: 'wait', waitMs: 5_000 });
  });

  it('leaves a longer pause to the caller, with the requested time', () => {
    const left = { kind: 'leave', askedMs: 6_000 } as const;
    assert.deepEqual(judgeRetry({ ...failed, hints: asks('6') }), left);
    const spent = { ...failed, hints: asks('3'), waitedMs: 3_000 };
    assert.deepEqual(judgeRetry(spent), { kind: 'leave', askedMs: 3_000 });
  });

  it('gives up after the fifth answer, and after any permanent answer', () => {
    const last = { ...failed, failedTries: MAX_TRIES };
    assert.deepEqual(judgeRetry(last), { kind: 'leave', askedMs: undefined });
    const refused = { ...failed, status: 403, hints: asks('6') };
    assert.deepEqual(judgeRetry(refused), { kind: 'leave', askedMs: undefined });
  });
});
