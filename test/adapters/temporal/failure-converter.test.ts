import assert from 'node:assert/strict';
import { it } from 'node:test';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  defaultPayloadConverter,
  TimeoutFailure,
} from '@temporalio/common';
import { FailureType } from '../../../src/domain/failure.ts';
import { withClearMessage } from '../../../src/domain/clear-text.ts';
import { failureConverter } from '../../../src/adapters/temporal/failure-converter.ts';

const UNEXPECTED = 'an unexpected fault (what it says is encrypted)';

const error = ApplicationFailure.create({
  message: 'the registry said: no such user "jane"',
  type: 'RunnerConfiguration',
  nonRetryable: true,
  cause: new Error('and its cause holds a secret too'),
});

it('leaves only the type of a failure, a sentence about it and whether to try again readable for everybody', () => {
  const failure = failureConverter.errorToFailure(error, defaultPayloadConverter);
  assert.deepEqual(
    [failure.message, failure.stackTrace, failure.cause?.message, failure.cause?.stackTrace],
    [
      'the job asks for something that the configuration of its runner does not allow (what it says is encrypted)',
      ...['', UNEXPECTED, ''],
    ],
  );
  assert.equal(failure.applicationFailureInfo?.type, 'RunnerConfiguration');
  assert.equal(failure.applicationFailureInfo.nonRetryable, true);
});

it('restores message and cause for the workflow', () => {
  const failure = failureConverter.errorToFailure(error, defaultPayloadConverter);
  const restored = failureConverter.failureToError(failure, defaultPayloadConverter);
  assert.ok(restored instanceof ApplicationFailure);
  assert.equal(restored.message, error.message);
  assert.equal(restored.cause?.message, 'and its cause holds a secret too');
});

it('leaves a message that was marked as clear, without a stack trace, and encrypts its cause', () => {
  const ended = withClearMessage(
    ApplicationFailure.create({
      ...{ message: 'script_failure, exit code 3 in step_script', type: 'script_failure' },
      cause: new Error('its cause holds a secret'),
    }),
  );
  const failure = failureConverter.errorToFailure(ended, defaultPayloadConverter);
  assert.deepEqual(
    [failure.message, failure.stackTrace, failure.encodedAttributes, failure.cause?.message],
    ['script_failure, exit code 3 in step_script', '', null, UNEXPECTED],
  );
  const restored = failureConverter.failureToError(failure, defaultPayloadConverter);
  assert.equal(restored.message, ended.message);
});

const CANARY = 'canary-in-a-message';
const kinds: [kind: string, error: Error, sentence: RegExp][] = [
  ...Object.values(FailureType).map((type): [string, Error, RegExp] => [
    type,
    ApplicationFailure.create({ message: CANARY, type }),
    /^(?!an unexpected).{10,} \(what it says is encrypted\)$/,
  ]),
  ['a bug', new TypeError(CANARY), /^an unexpected fault/],
  [
    'a type of another program',
    ApplicationFailure.create({ message: CANARY, type: 'toString' }),
    /^an unexpected/,
  ],
  ['a time-out', new TimeoutFailure(CANARY, undefined, 'HEARTBEAT'), /^the time for it is over$/],
  ['a cancellation', new CancelledFailure(CANARY), /^canceled$/],
  [
    'an activity',
    new ActivityFailure(CANARY, 'runStage', '1', 'IN_PROGRESS', undefined, new Error(CANARY)),
    /^an activity has failed: see its cause$/,
  ],
];
for (const [kind, thrown, sentence] of kinds) {
  it(`shows everybody ${kind} in words of a closed list, and the workflow its own message`, () => {
    const failure = failureConverter.errorToFailure(thrown, defaultPayloadConverter);
    assert.match(failure.message ?? '', sentence);
    const seen = JSON.stringify(
      { ...failure, encodedAttributes: undefined },
      (key, value: unknown) => (key === 'encodedAttributes' ? undefined : value),
    );
    assert.doesNotMatch(seen, new RegExp(CANARY));
    const restored = failureConverter.failureToError(failure, defaultPayloadConverter);
    assert.equal(restored.message, CANARY);
  });
}
