import type { Dispatcher } from 'undici';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';
import { readCapped } from '../http/body.ts';

const MAX_BODY_BYTES = 64 * 1024;
const MAX_WORDS_CHARS = 500;

/**
 * Returns the fault for an unexpected answer. Only a server fault is worth another try. Source:
 * gitlab-runner `commands/helpers/retry_helper.go` (retryOnServerError).
 */
export async function refusalFault(
  response: Dispatcher.ResponseData,
): Promise<TransientError | FinalError> {
  const { statusCode, statusText } = response;
  const { bytes } = await readCapped(response.body, { limitBytes: MAX_BODY_BYTES });
  const words = readWords(Buffer.from(bytes).toString());
  const received = `received: ${statusCode} ${statusText}`.trim();
  const message = words === '' ? received : `${received}. Request failed with ${words}`;
  return statusCode >= 500
    ? new TransientError(message, { from: 'cache', status: statusCode })
    : new FinalError(FailureType.ExternalDependency, message);
}

/**
 * Reads two elements of the XML that every store answers with. The other elements quote the
 * request, including its signature.
 */
function readWords(xml: string): string {
  const read = (name: string): string =>
    (new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? '')
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .trim()
      .slice(0, MAX_WORDS_CHARS);
  const code = read('Code');
  const message = read('Message');
  return [code && `code: ${code}`, message && `message: ${message}`].filter(Boolean).join(', ');
}
