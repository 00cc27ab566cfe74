import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createQuietTimes } from '../../../src/adapters/gitlab/quiet-times.ts';
import { TransientError } from '../../../src/domain/failure.ts';

describe('quiet times', () => {
  it('block a call until the time that GitLab asked for is over', () => {
    let nowMs = 1_000;
    const quiet = createQuietTimes(() => nowMs);
    quiet.check('a');
    assert.equal(
      quiet.fault('a', 'status 429', { retryAfterMs: 30_000, status: 429 }).retryAfterMs,
      30_000,
    );
    nowMs += 10_000;
    assert.throws(
      () => quiet.check('a'),
      (error) => error instanceof TransientError && error.retryAfterMs === 20_000,
    );
    quiet.check('b');
    nowMs += 20_000;
    quiet.check('a');
  });

  it('last an hour at most', () => {
    let nowMs = 0;
    const quiet = createQuietTimes(() => nowMs);
    assert.equal(
      quiet.fault('a', 'status 429', { retryAfterMs: 1e12, status: 429 }).retryAfterMs,
      3_600_000,
    );
    nowMs = 3_600_000;
    quiet.check('a');
  });

  it('do not begin when GitLab did not ask for a pause', () => {
    const quiet = createQuietTimes(() => 0);
    assert.equal(
      quiet.fault('a', 'status 400', { retryAfterMs: undefined, status: 400 }).retryAfterMs,
      undefined,
    );
    quiet.check('a');
  });
});
