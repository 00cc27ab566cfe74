import type { IncomingMessage } from 'node:http';
import { FailureType, FinalError } from '../../domain/failure.ts';

/** Docker cannot report this much about one installation on a node. */
const MAX_REPLY_BYTES = 32 * 1024 * 1024;

/**
 * Limit for the message of a refusal, because it goes into logs and histories and may quote a job.
 */
const MAX_MESSAGE_LENGTH = 2_000;

export interface DaemonReply {
  readonly status: number;
  readonly body: unknown;
  /** Docker's own message about a refusal. */
  readonly message: string;
  readonly isPodman: boolean;
}

/**
 * Reads an answer to its end. Throws when the connection breaks before that, or when the answer is
 * too long.
 */
export async function readReply(response: IncomingMessage): Promise<DaemonReply> {
  const chunks: Buffer[] = [];
  let lengthBytes = 0;
  // Leaving the loop early closes the connection.
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    lengthBytes += (chunk as Buffer).length;
    if (lengthBytes > MAX_REPLY_BYTES) throw tooLong();
  }
  const text = Buffer.concat(chunks).toString();
  const body = parseJson(text);
  const message = (messageOf(body) ?? text.trim()).slice(0, MAX_MESSAGE_LENGTH);
  return { status: response.statusCode ?? 0, body, message, isPodman: isPodman(response) };
}

/**
 * Whether the answer comes from Podman: each of its answers includes the version of its own API
 * besides Docker's.
 */
export function isPodman({ headers }: IncomingMessage): boolean {
  return headers['libpod-api-version'] !== undefined;
}

function tooLong(): FinalError {
  return new FinalError(
    FailureType.RunnerSystem,
    `Docker's answer is longer than ${MAX_REPLY_BYTES} bytes: is it Docker that listens there?`,
  );
}

/** Returns undefined for a text that is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function messageOf(body: unknown): string | undefined {
  if (typeof body !== 'object' || body === null || !('message' in body)) return undefined;
  return typeof body.message === 'string' ? body.message.trim() : undefined;
}
