import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityExecuteInput } from '@temporalio/worker';
import { Context } from '@temporalio/activity';
import { translateFaults } from '../../../src/adapters/temporal/activity-faults.ts';
import { FailureType, FinalError, TransientError } from '../../../src/domain/failure.ts';
import { openActivityCall } from '../../support/temporal/activity-call.ts';

/** The failure of an activity that throws `error`, as Temporal sees it. */
async function failureOf(error: Error): Promise<unknown> {
  const environment = openActivityCall();
  try {
    await environment.run(async () => {
      const { inbound } = translateFaults(Context.current());
      const input: ActivityExecuteInput = { args: [], headers: {} };
      await inbound?.execute?.(input, () => Promise.reject(error));
    });
  } catch (failure) {
    return failure;
  }
  throw new Error('nothing was thrown');
}

describe('faults of an activity', () => {
  it('a final fault is not tried again, and the workflow recognises it by its type', async () => {
    const failure = await failureOf(new FinalError(FailureType.RecordLost, 'job 7 is gone'));
    assert.ok(failure instanceof ApplicationFailure);
    assert.deepEqual(
      [failure.message, failure.type, failure.nonRetryable],
      ['job 7 is gone', FailureType.RecordLost, true],
    );
  });

  it('a transient fault is tried again when the other side asks for it', async () => {
    const failure = await failureOf(new TransientError('503', { retryAfterMs: 4_000 }));
    assert.ok(failure instanceof ApplicationFailure);
    assert.deepEqual([failure.nonRetryable, failure.nextRetryDelay], [false, 4_000]);
  });

  it('a transient fault without such a request follows the retry policy', async () => {
    const failure = await failureOf(new TransientError('connection reset'));
    assert.ok(failure instanceof ApplicationFailure);
    assert.deepEqual([failure.nonRetryable, failure.nextRetryDelay], [false, undefined]);
  });

  it('a bug is passed on unchanged', async () => {
    const bug = new TypeError('x is not a function');
    assert.equal(await failureOf(bug), bug);
  });
});
