import { randomBytes } from 'node:crypto';
import { readTextIfThere, writeDurably } from './durable-files.ts';

/** Where a node's own codec server is to be found, and what lets one in. */
export interface CodecEndpoint {
  readonly port: number;
  readonly token: string;
}

const TOKEN_BYTES = 32;
const FORM = /^http:\/\/127\.0\.0\.1:(\d{1,5})\/([\w-]{43})\s*$/;

/** The address with its token, as Temporal's UI and command line take it. */
export function formatCodecEndpoint({ port, token }: CodecEndpoint): string {
  return `http://127.0.0.1:${port}/${token}`;
}

/** What was kept by {@link keepCodecEndpoint}; undefined when nothing was, or it is not readable. */
export async function readCodecEndpoint(file: string): Promise<CodecEndpoint | undefined> {
  const [, port, token] = FORM.exec((await readTextIfThere(file)) ?? '') ?? [];
  return port === undefined || token === undefined ? undefined : { port: Number(port), token };
}

/** Keeps it for the next start and for the operator, readable for this user alone. */
export async function keepCodecEndpoint(file: string, endpoint: CodecEndpoint): Promise<void> {
  await writeDurably(file, Buffer.from(`${formatCodecEndpoint(endpoint)}\n`));
}

export function makeCodecToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}
