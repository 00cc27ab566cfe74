import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { readTextIfThere, writeDurably } from './durable-files.ts';
import { createNameHashes, type NameHashes } from './name-hashes.ts';

/**
 * AES-256-GCM with a ring of keys: the first one encrypts, all can decrypt, so that keys can be
 * rotated.
 */
export interface Cipher {
  readonly keyId: string;
  knows(keyId: string): boolean;
  /**
   * Encrypts bytes. `boundTo` is not encrypted, but the result can only be decrypted with the same
   * `boundTo`.
   */
  encrypt(plain: Uint8Array, boundTo?: Uint8Array): Uint8Array;
  /**
   * Decrypts bytes. Throws when the key is not in the ring, or the bytes or `boundTo` were changed.
   */
  decrypt(encrypted: Uint8Array, keyId: string, boundTo?: Uint8Array): Uint8Array;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
/** Binding to no bytes gives the same result as not binding. */
const UNBOUND = new Uint8Array();

const keySchema = z.object({
  id: z.string().min(1),
  key: z.base64().transform((text) => Buffer.from(text, 'base64')),
});
const keyRingSchema = z.object({ keys: z.tuple([keySchema], keySchema) });

type Keys = z.output<typeof keyRingSchema>['keys'];

/** A ring of keys as it is stored on the disk. */
export interface KeyRing {
  readonly path: string;
  readonly cipher: Cipher;
  readonly nameHashes: NameHashes;
  /** True: no ring was stored. Its only key was just created and exists only here. */
  readonly isFresh: boolean;
  /** Writes a new ring (file 0600, directory 0700). Nothing may be encrypted before that. */
  keep(): Promise<void>;
}

/**
 * Reads the key ring. If there is none, it creates a key without storing it: data encrypted by
 * another key may still exist, and storing a new ring would hide that the right one is missing.
 */
export async function openKeyRing(path: string): Promise<KeyRing> {
  const found = await readTextIfThere(path);
  const text = found ?? makeKeyRing();
  const keys = parseKeys(text, path);
  return {
    path,
    cipher: createCipher(keys, path),
    nameHashes: createNameHashes(keys),
    isFresh: found === undefined,
    keep: () => (found === undefined ? keepKeyRing(path, text) : Promise.resolve()),
  };
}

/** Returns the whole ring, for another node. Creates none. */
export async function exportKeyRing(path: string): Promise<string> {
  const text = await readTextIfThere(path);
  if (text === undefined) {
    throw new Error(`${path} does not exist: start the node once, which creates its keys`);
  }
  parseKeys(text, path);
  return text;
}

/**
 * Stores a ring that another node exported. Returns false when it is already stored. Never replaces
 * another ring.
 */
export async function importKeyRing(path: string, text: string): Promise<boolean> {
  parseKeys(text, 'standard input');
  const found = await readTextIfThere(path);
  if (found === text) return false;
  if (found !== undefined) {
    throw new Error(
      `${path} has keys of its own, and what they have encrypted would be lost: give the node an empty state directory, or add them by hand`,
    );
  }
  await keepKeyRing(path, text);
  return true;
}

function parseKeys(text: string, path: string): Keys {
  const keys = parseKeyRing(text, path);
  const ids = new Set(keys.map(({ id }) => id));
  if (ids.size < keys.length) throw new Error(`two keys in ${path} have the same id`);
  for (const { id, key } of keys) {
    if (key.byteLength !== KEY_BYTES) {
      throw new Error(`key "${id}" in ${path} has ${key.byteLength} bytes, AES-256 needs 32`);
    }
  }
  return keys;
}

/** Parses a ring. The parser's message is not passed on, because it could quote a key. */
function parseKeyRing(text: string, path: string): Keys {
  const shape = '{"keys": [{"id": "…", "key": "<32 bytes in base64>"}, …]}';
  try {
    return keyRingSchema.parse(JSON.parse(text)).keys;
  } catch {
    throw new Error(`${path} is not a key ring: expected ${shape}`);
  }
}

function createCipher(ring: Keys, path: string): Cipher {
  const [{ id: keyId, key: newest }] = ring;
  const keys = new Map(ring.map(({ id, key }) => [id, key]));
  return {
    keyId,
    knows: (id) => keys.has(id),
    encrypt: (plain, boundTo = UNBOUND) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', newest, nonce).setAAD(boundTo);
      const body = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]);
    },
    decrypt: (encrypted, id, boundTo = UNBOUND) => {
      const known = keys.get(id);
      if (known === undefined) {
        throw new Error(`encrypted with key "${id}", which is not in ${path}: add it to "keys"`);
      }
      const nonce = encrypted.subarray(0, NONCE_BYTES);
      const tag = encrypted.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
      const body = encrypted.subarray(NONCE_BYTES + TAG_BYTES);
      try {
        // Without this option a truncated tag would be accepted as a weaker one.
        const options = { authTagLength: TAG_BYTES };
        const decipher = createDecipheriv('aes-256-gcm', known, nonce, options);
        decipher.setAAD(boundTo).setAuthTag(tag);
        return Buffer.concat([decipher.update(body), decipher.final()]);
      } catch (error) {
        const message = `does not open with key "${id}" of ${path}: the bytes or the key were changed`;
        throw new Error(message, { cause: error });
      }
    },
  };
}

function makeKeyRing(): string {
  const id = `key-${randomBytes(4).toString('hex')}`;
  const key = randomBytes(KEY_BYTES).toString('base64');
  return `${JSON.stringify({ keys: [{ id, key }] }, null, 2)}\n`;
}

/**
 * Writes the ring durably before anything is encrypted with it, because data must not outlive its
 * key.
 */
async function keepKeyRing(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeDurably(path, Buffer.from(text));
}
