import type { S3ClientConfig } from '@aws-sdk/client-s3';
import { request, type Dispatcher } from 'undici';

/** A request of Amazon's client. */
interface Wanted {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Sends the requests that Amazon's client itself makes by the connections of transfers, so with the
 * same certificates and proxies. Only for requests without a body.
 */
export function requestsBy(
  connections: () => Promise<Dispatcher>,
): NonNullable<S3ClientConfig['requestHandler']> {
  return {
    handle: async (wanted: Wanted, options: { readonly abortSignal?: AbortSignal } = {}) => {
      const { statusCode, headers, body } = await request(urlOf(wanted), {
        method: wanted.method,
        headers: wanted.headers,
        dispatcher: await connections(),
        signal: options.abortSignal ?? null,
      });
      return { response: { statusCode, headers: flat(headers), body } };
    },
  };
}

function urlOf({ protocol, hostname, port, path, query = {} }: Wanted): string {
  const words = Object.entries(query).flatMap(([key, value]) =>
    [value ?? ''].flat().map((each) => `${encodeURIComponent(key)}=${encodeURIComponent(each)}`),
  );
  const authority = port === undefined ? hostname : `${hostname}:${port}`;
  return `${protocol}//${authority}${path}${words.length === 0 ? '' : `?${words.join('&')}`}`;
}

function flat(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value ?? ''].flat().join(', ')]),
  );
}
