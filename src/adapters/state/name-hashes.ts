import { createHmac, hkdfSync } from 'node:crypto';

/**
 * Returns the hashes of a name. The first one uses the key that encrypts. Equal names have equal
 * hashes.
 */
export type NameHashes = (name: string) => readonly [string, ...string[]];

interface HashKey {
  readonly key: Uint8Array;
}

const PURPOSE = 'temporal-gitlab-runner: names in search attributes';
const KEY_BYTES = 32;
/** This is 96 bits, so that two names of an installation never collide by chance. */
const HEX_DIGITS = 24;

/**
 * Creates keyed hashes of names. Without a key, anybody who sees Temporal could try names, because
 * names of projects can be guessed. Each key is derived from one of the ring, so that the hashes
 * reveal nothing about encrypted data.
 */
export function createNameHashes([first, ...rest]: readonly [HashKey, ...HashKey[]]): NameHashes {
  const current = hasherOf(first);
  const older = rest.map(hasherOf);
  return (name) => [current(name), ...older.map((hash) => hash(name))];
}

function hasherOf({ key }: HashKey): (name: string) => string {
  const derived = Buffer.from(hkdfSync('sha256', key, '', PURPOSE, KEY_BYTES));
  return (name) =>
    `h-${createHmac('sha256', derived).update(name).digest('hex').slice(0, HEX_DIGITS)}`;
}
