import { createHmac, hkdfSync } from 'node:crypto';

/** Hashes of a name, the one by the key that encrypts first. Equal names have equal hashes. */
export type NameHashes = (name: string) => readonly [string, ...string[]];

const PURPOSE = 'temporal-gitlab-runner: names in search attributes';
const KEY_BYTES = 32;
/** 96 bits: no two names of an installation meet by chance. */
const HEX_DIGITS = 24;

/**
 * Keyed, because names of projects can be guessed, and whoever sees Temporal could try them. Each key is
 * derived from one of the ring, so that nothing of what it encrypts hangs on these hashes.
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
