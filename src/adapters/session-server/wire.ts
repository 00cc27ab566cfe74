import type { RawData } from 'ws';

/**
 * Source: the subprotocols of gitlab-terminal, by which GitLab's Workhorse talks with terminals.
 */
const PLAIN = 'terminal.gitlab.com';
const BASE64 = 'base64.terminal.gitlab.com';

/** Encodes bytes of a terminal as messages. */
export interface Wire {
  encode(bytes: Uint8Array): Uint8Array | string;
  /** Returns undefined when the message does not belong to this protocol. */
  decode(message: RawData): Uint8Array | undefined;
}

/**
 * Chooses the first of our protocols that the client knows. A client that names none gets the plain
 * one.
 */
export function chooseProtocol(offered: ReadonlySet<string>): string | false {
  return [PLAIN, BASE64].find((protocol) => offered.has(protocol)) ?? false;
}

export function wireOf(protocol: string): Wire {
  return protocol === BASE64 ? BASE64_WIRE : PLAIN_WIRE;
}

const PLAIN_WIRE: Wire = { encode: (bytes) => bytes, decode: toBytes };

const BASE64_WIRE: Wire = {
  encode: (bytes) => Buffer.from(bytes).toString('base64'),
  decode: (message) => {
    const text = toBytes(message).toString('latin1');
    return /^[A-Za-z0-9+/]*={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
  },
};

function toBytes(message: RawData): Buffer {
  if (Array.isArray(message)) return Buffer.concat(message);
  return Buffer.isBuffer(message) ? message : Buffer.from(message);
}
