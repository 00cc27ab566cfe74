import { DefaultFailureConverter, type PayloadConverter } from '@temporalio/common';
import { hasClearMessage } from '../../domain/clear-text.ts';
import { publicFaultText } from '../../domain/public-fault.ts';

type Failure = ReturnType<DefaultFailureConverter['errorToFailure']>;
type Context = Parameters<DefaultFailureConverter['errorToFailure']>[2];

/**
 * Encrypts the messages and stack traces of failures. A fixed sentence for the failure's type takes
 * the place of the message, so that people understand the Temporal UI without a decoder. Only a
 * message that was marked as clear stays; its stack trace is left out, because it would not help.
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
    if (!hasClearMessage(error)) return { ...failure, message: sentenceOf(failure) };
    return { ...failure, message: error.message, encodedAttributes: null };
  }
}

/**
 * Returns the sentence for the failure's kind in Temporal. The class of the error says too little,
 * because the code that throws may choose any message.
 */
function sentenceOf(failure: Failure): string {
  if (failure.applicationFailureInfo) {
    return publicFaultText(failure.applicationFailureInfo.type ?? '');
  }
  if (failure.activityFailureInfo) return 'an activity has failed: see its cause';
  if (failure.childWorkflowExecutionFailureInfo)
    return 'a child workflow has failed: see its cause';
  if (failure.timeoutFailureInfo) return 'the time for it is over';
  if (failure.canceledFailureInfo) return 'canceled';
  if (failure.terminatedFailureInfo) return 'terminated';
  return publicFaultText('');
}

/** The SDK loads it by its path, also inside the workflow bundle. */
export const failureConverter = new GuardedFailureConverter();
