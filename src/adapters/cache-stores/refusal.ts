import type { Dispatcher } from 'undici';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';

const MAX_BODY_BYTES = 64 * 1024;
const MAX_WORDS_CHARS = 500;

/**
 * The fault of an unexpected answer. Only a server fault is worth another try. Source:
 * gitlab-runner `commands/helpers/retry_helper.go` (retryOnServerError).
 */
export async function refusalFault(
  response: Dispatcher.ResponseData,
): Promise<TransientError | FinalError> {
  const { statusCode, statusText } = response;
  const words = readWords(await readStart(response.body));
  const received = `received: ${statusCode} ${statusText}`.trim();
  const message = words === '' ? received : `${received}. Request failed with ${words}`;
  return statusCode >= 500
    ? new TransientError(message, { from: 'cache', status: statusCode })
    : new FinalError(FailureType.ExternalDependency, message);
}

async function readStart(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.byteLength;
      if (bytes >= MAX_BODY_BYTES) break;
    }
  } catch {
    // The part that has arrived is enough.
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString('utf8');
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
