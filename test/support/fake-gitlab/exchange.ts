import type { Readable } from 'node:stream';
import type { LargeUpload } from './received-body.ts';

/** A request that was read completely. */
export interface FakeRequest {
  readonly method: string;
  /** The path with the query. */
  readonly path: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /**
   * Set when the body is a form whose file was too large to be kept. `body` is then the form
   * without the content of this file.
   */
  readonly large: LargeUpload | undefined;
  /** The fields of the JSON object in the body. Empty when the body is no JSON object. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** This signal aborts when the runner closes the connection or the fake closes. */
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | Readable;
  /**
   * This function is called when the runner has not received the answer, because it was replaced or
   * because the connection broke.
   */
  readonly onLost?: () => void;
}

export type Handler = (request: FakeRequest) => Reply | Promise<Reply>;

export function json(status: number, value: unknown): Reply {
  return {
    status,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(value),
  };
}

/** Returns an error in GitLab's form: `{"message":"403 Forbidden"}`. */
export function refusal(status: number, message: string): Reply {
  return json(status, { message: `${status} ${message}` });
}

export function field(
  fields: Readonly<Record<string, unknown>>,
  name: string,
): Readonly<Record<string, unknown>> {
  const value = fields[name];
  return isRecord(value) ? value : {};
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
