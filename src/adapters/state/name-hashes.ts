import { createHmac, hkdfSync } from 'node:crypto';

/**
 * Returns the hashes of a name. The first one uses the key that encrypts. Equal names have equal
 * hashes.
 */
export type NameHashes = (name: string) => readonly [string, ...string[]];

const PURPOSE = 'temporal-gitlab-runner: names in search attributes';
const KEY_BYTES = 32;
/** This is 96 bits, so that two names of an installation never collide by chance. */
const HEX_DIGITS = 24;

/**
 * Creates keyed hashes of names. Without a key, anybody who sees Temporal could try names, because
 * names of projects can be guessed. Each key is derived from one of the ring, so that the hashes
 * reveal nothing about encrypted data.
 */
export function createNameHashes(keys: readonly [Uint8Array, ...Uint8Array[]]): NameHashes {
  const [first, ...rest] = keys;
  const hashers = [hasherOf(first), ...rest.map(hasherOf)] as const;
  return (name) => {
    const [current, ...older] = hashers;
    return [current(name), ...older.map((hash) => hash(name))];
  };
}

function hasherOf(key: Uint8Array): (name: string) => string {
  const derived = Buffer.from(hkdfSync('sha256', key, '', PURPOSE, KEY_BYTES));
  return (name) =>
    `h-${createHmac('sha256', derived).update(name).digest('hex').slice(0, HEX_DIGITS)}`;
}
