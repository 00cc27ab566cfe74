import type { Dispatcher } from 'undici';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { storageErrorOf } from '../../domain/runner/storage-error.ts';
import { readCapped } from '../http/body.ts';

const MAX_BODY_BYTES = 64 * 1024;

/**
 * Returns the fault for an unexpected answer. Only a server fault is worth another try. Source:
 * gitlab-runner `commands/helpers/retry_helper.go` (retryOnServerError).
 */
export async function refusalFault(
  response: Dispatcher.ResponseData,
): Promise<TransientError | FinalError> {
  const { statusCode, statusText } = response;
  const { bytes } = await readCapped(response.body, { limitBytes: MAX_BODY_BYTES });
  const words = storageErrorOf(Buffer.from(bytes).toString());
  const received = `received: ${statusCode} ${statusText}`.trim();
  const message = words === undefined ? received : `${received}. Request failed with ${words}`;
  return statusCode >= 500
    ? new TransientError(message, { from: 'cache', status: statusCode })
    : new FinalError(FailureType.ExternalDependency, message);
}
