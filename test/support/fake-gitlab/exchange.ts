import type { Readable } from 'node:stream';
import type { LargeUpload } from './received-body.ts';

/** One request, read completely, on its way through the fake. */
export interface FakeRequest {
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** Set when `body` is a form without the content of its file. */
  readonly large: LargeUpload | undefined;
  /** Fields of a JSON object in the body; empty when it is none. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Aborted when the runner hangs up or the fake closes. */
  readonly signal: AbortSignal;
}

export interface Reply {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | Readable;
  /** Called when the runner never got this answer: it was replaced, or the connection broke. */
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

/** GitLab's form of an error: `{"message":"403 Forbidden"}`. */
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
