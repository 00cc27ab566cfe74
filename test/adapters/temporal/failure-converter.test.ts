import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { failureConverter } from '../../../src/adapters/temporal/failure-converter.ts';

const error = ApplicationFailure.create({
  message: 'the registry said: no such user "jane"',
  type: 'RunnerConfiguration',
  nonRetryable: true,
  cause: new Error('and its cause holds a secret too'),
});

it('leaves of a failure only its type and whether to try again where everybody can read', () => {
  const failure = failureConverter.errorToFailure(error, defaultPayloadConverter);
  assert.deepEqual(
    [failure.message, failure.stackTrace, failure.cause?.message, failure.cause?.stackTrace],
    ['Encoded failure', '', 'Encoded failure', ''],
  );
  assert.equal(failure.applicationFailureInfo?.type, 'RunnerConfiguration');
  assert.equal(failure.applicationFailureInfo.nonRetryable, true);
});

it('gives the workflow the message and the cause back', () => {
  const failure = failureConverter.errorToFailure(error, defaultPayloadConverter);
  const restored = failureConverter.failureToError(failure, defaultPayloadConverter);
  assert.ok(restored instanceof ApplicationFailure);
  assert.equal(restored.message, error.message);
  assert.equal(restored.cause?.message, 'and its cause holds a secret too');
});
