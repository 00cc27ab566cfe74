import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ApplicationFailure, defaultPayloadConverter } from '@temporalio/common';
import { withClearMessage } from '../../../src/domain/clear-text.ts';
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

it('leaves a message that was marked in the clear, without a stack trace, and its cause encoded', () => {
  const ended = withClearMessage(
    ApplicationFailure.create({
      ...{ message: 'script_failure, exit code 3 in step_script', type: 'script_failure' },
      cause: new Error('its cause holds a secret'),
    }),
  );
  const failure = failureConverter.errorToFailure(ended, defaultPayloadConverter);
  assert.deepEqual(
    [failure.message, failure.stackTrace, failure.encodedAttributes, failure.cause?.message],
    ['script_failure, exit code 3 in step_script', '', null, 'Encoded failure'],
  );
  const restored = failureConverter.failureToError(failure, defaultPayloadConverter);
  assert.equal(restored.message, ended.message);
});
