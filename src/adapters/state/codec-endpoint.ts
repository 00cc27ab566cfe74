import { randomBytes } from 'node:crypto';
import { readTextIfThere, writeDurably } from './durable-files.ts';

/** The address of a node's own codec server, and the token that it asks for. */
export interface CodecEndpoint {
  readonly port: number;
  readonly token: string;
}

const TOKEN_BYTES = 32;
const FORM = /^http:\/\/127\.0\.0\.1:(\d{1,5})\/([\w-]{43})\s*$/;

/** Formats the address with its token, as Temporal's UI and command line take it. */
export function formatCodecEndpoint({ port, token }: CodecEndpoint): string {
  return `http://127.0.0.1:${port}/${token}`;
}

/**
 * Reads what {@link keepCodecEndpoint} has stored; undefined when nothing was stored, or it is not
 * readable.
 */
export async function readCodecEndpoint(file: string): Promise<CodecEndpoint | undefined> {
  const [, port, token] = FORM.exec((await readTextIfThere(file)) ?? '') ?? [];
  return port === undefined || token === undefined ? undefined : { port: Number(port), token };
}

/** Stores the endpoint for the next start and for the operator, readable only by this user. */
export async function keepCodecEndpoint(file: string, endpoint: CodecEndpoint): Promise<void> {
  await writeDurably(file, Buffer.from(`${formatCodecEndpoint(endpoint)}\n`));
}

export function makeCodecToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}
