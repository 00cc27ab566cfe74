import type { Dispatcher } from 'undici';
import { FailureType, FinalError, TransientError } from '../../domain/failure.ts';

const MAX_BODY_BYTES = 64 * 1024;
const MAX_WORDS_CHARS = 500;

/**
 * The fault of an answer that is not the one hoped for: only a server in trouble may do better soon.
 * Source: gitlab-runner `commands/helpers/retry_helper.go` (retryOnServerError).
 */
export async function refusalFault(
  response: Dispatcher.ResponseData,
): Promise<TransientError | FinalError> {
  const { statusCode, statusText } = response;
  const words = readWords(await readStart(response.body));
  const received = `received: ${statusCode} ${statusText}`.trim();
  const message = words === '' ? received : `${received}. Request failed with ${words}`;
  return statusCode >= 500
    ? new TransientError(message)
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
    // What has come must do.
  }
  return Buffer.concat(chunks).subarray(0, MAX_BODY_BYTES).toString('utf8');
}

/**
 * Two elements of the XML that every store answers with. The others are left alone: they quote the
 * request, signature and all.
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
