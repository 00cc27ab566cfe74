import { errorMessage } from '../../domain/error-message.ts';
import { excerptOf, errorTextOf, hideSecrets } from '../../domain/runner/answer-text.ts';
import { isHtmlMediaType, isJsonMediaType } from '../../domain/runner/reply-headers.ts';
import { errorCode } from '../host/error-code.ts';

const UNTRUSTED_CODES: ReadonlySet<string> = new Set([
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/**
 * Tells an operator why there was no answer: the innermost cause with its code, without secrets.
 */
export function describeFault(error: unknown, secrets: readonly string[]): string {
  const cause = innermost(error);
  const code = errorCode(cause);
  const message = errorMessage(cause);
  const text = code === undefined || message.includes(code) ? message : `${code} ${message}`;
  const advice =
    code !== undefined && UNTRUSTED_CODES.has(code)
      ? ' (set tls-ca-file, or put the CA into certs/<host>.crt beside config.toml)'
      : '';
  return `${hideSecrets(text, secrets)}${advice}`;
}

function innermost(error: unknown): unknown {
  let current = error;
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    const next: unknown = current instanceof AggregateError ? current.errors[0] : current.cause;
    if (next === undefined) break;
    current = next;
  }
  return current;
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

/**
 * Describes an answer for a log line or an error: the status with GitLab's own message, when there
 * is one.
 */
export function describeAnswer(answer: Answer, secrets: readonly string[]): string {
  const parsed = parseAnswer(answer);
  return errorTextOf({ status: answer.status, json: parsed?.json }, secrets);
}

/**
 * Describes an answer that is not JSON. After a success only a web page is quoted: another text may
 * be part of GitLab's own answer, with a token that is not known yet and so cannot be masked.
 */
export function describeNonJson(answer: Answer, secrets: readonly string[]): string {
  const { status, headers, body } = answer;
  const type = headers.get('Content-Type') ?? 'no content type';
  const isSuccess = status >= 200 && status < 300;
  const isQuotable = !isSuccess || isHtmlMediaType(headers.get('Content-Type'));
  const head = isQuotable ? new TextDecoder().decode(body.subarray(0, 16_384)) : '';
  const excerpt = excerptOf(head, secrets);
  const said = excerpt === '' ? `${body.byteLength} bytes` : `"${excerpt}"`;
  return `status ${status} with ${excerptOf(type, secrets)} where JSON was due, saying ${said}: is url in config.toml that of GitLab, and is no proxy in between?`;
}

/** Returns the JSON of an answer; undefined when its media type or its text is not JSON. */
export function parseAnswer({
  headers,
  body,
}: Omit<Answer, 'status'>): { json: unknown } | undefined {
  if (!isJsonMediaType(headers.get('Content-Type'))) return undefined;
  try {
    return { json: JSON.parse(new TextDecoder().decode(body)) as unknown };
  } catch {
    return undefined;
  }
}
