import { DefaultFailureConverter, type PayloadConverter } from '@temporalio/common';
import { hasClearMessage } from '../../domain/clear-text.ts';

type Failure = ReturnType<DefaultFailureConverter['errorToFailure']>;
type Context = Parameters<DefaultFailureConverter['errorToFailure']>[2];

/**
 * Encrypts messages and stack traces too. Only a message that was marked as clear is left as it is, for
 * the Temporal UI; its stack trace would be noise, and is left out.
 */
class GuardedFailureConverter extends DefaultFailureConverter {
  constructor() {
    super({ encodeCommonAttributes: true });
  }

  override errorToFailure(
    error: unknown,
    payloadConverter: PayloadConverter,
    context?: Context,
  ): Failure {
    const failure = super.errorToFailure(error, payloadConverter, context);
    if (!hasClearMessage(error)) return failure;
    return { ...failure, message: error.message, encodedAttributes: null };
  }
}

/** Loaded by path, also inside the workflow bundle. */
export const failureConverter = new GuardedFailureConverter();
