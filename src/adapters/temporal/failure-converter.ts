import { DefaultFailureConverter, type PayloadConverter } from '@temporalio/common';
import { hasClearMessage } from '../../domain/clear-text.ts';
import { publicFaultText } from '../../domain/public-fault.ts';

type Failure = ReturnType<DefaultFailureConverter['errorToFailure']>;
type Context = Parameters<DefaultFailureConverter['errorToFailure']>[2];

/**
 * Encrypts what failures say, and their stack traces. In its place stands a sentence of a closed list, by the
 * failure's type, so that people understand the Temporal UI without a decoder. Only a message that was
 * marked as clear is left as it is; its stack trace would be noise, and is left out.
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

/** By the kind that Temporal knows, because whoever throws may choose the message of any class. */
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

/** Loaded by path, also inside the workflow bundle. */
export const failureConverter = new GuardedFailureConverter();
