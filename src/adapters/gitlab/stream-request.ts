import { Readable } from 'node:stream';
import { request, type Dispatcher } from 'undici';
import { toWebStream } from '../http/body.ts';

export interface StreamRequest {
  readonly dispatcher: Dispatcher;
  readonly method: Dispatcher.HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  /** The bytes must not change until the answer is there. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
  readonly signal: AbortSignal;
}

const WITHOUT_BODY: readonly number[] = [204, 205, 304];

/**
 * Sends a body of any size at the speed at which it is read. Uses undici directly, because `fetch`
 * copies every body, and keeps the copy for a redirect. Redirects are not followed.
 */
export async function streamTo(
  url: URL,
  { headers, body, ...options }: StreamRequest,
): Promise<Response> {
  const answer = await request(url, {
    ...options,
    headers: { ...headers },
    body: body instanceof Uint8Array ? body : Readable.from(body, { objectMode: false }),
  });
  const status = answer.statusCode;
  const hasBody = !WITHOUT_BODY.includes(status);
  if (!hasBody) await answer.body.dump();
  const stream = hasBody ? toWebStream(answer.body) : null;
  return new Response(stream, { status, headers: flat(answer.headers) });
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const all = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const one of [value ?? []].flat()) all.append(name, one);
  }
  return all;
}
