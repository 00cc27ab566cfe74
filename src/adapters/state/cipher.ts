import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { readTextIfThere, writeDurably } from './durable-files.ts';

/** AES-256-GCM under a ring of keys: the first encrypts, all decrypt, so that keys can be rotated. */
export interface Cipher {
  readonly keyId: string;
  knows(keyId: string): boolean;
  seal(plain: Uint8Array): Uint8Array;
  /** Fails when the key is not in the ring or the bytes were changed. */
  open(sealed: Uint8Array, keyId: string): Uint8Array;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

const keyRingSchema = z.object({
  keys: z.array(z.object({ id: z.string().min(1), key: z.base64() })).min(1),
});

/** A ring of keys as it lies on the disk. */
export interface KeyRing {
  readonly path: string;
  readonly cipher: Cipher;
  /** There is none yet: its only key was made just now, and is nowhere but here. */
  readonly isFresh: boolean;
  /** Writes a fresh one (file 0600, directory 0700). Nothing may be sealed before that. */
  keep(): Promise<void>;
}

/**
 * Reads the key ring. Without one there is a fresh key, which is not kept yet: what another key has
 * sealed may still be there, and a ring that does not open it would hide that the right one is gone.
 */
export async function openKeyRing(path: string): Promise<KeyRing> {
  const found = await readTextIfThere(path);
  const text = found ?? makeKeyRing();
  return {
    path,
    cipher: createCipher(parseKeys(text, path), path),
    isFresh: found === undefined,
    keep: () => (found === undefined ? keepKeyRing(path, text) : Promise.resolve()),
  };
}

/** The whole ring as it is handed to another node. Makes none. */
export async function exportKeyRing(path: string): Promise<string> {
  const text = await readTextIfThere(path);
  if (text === undefined) {
    throw new Error(`${path} is not there: start the node once, it makes its keys then`);
  }
  parseKeys(text, path);
  return text;
}

/** Keeps a ring that another node has exported. False when it is there already; no other is replaced. */
export async function importKeyRing(path: string, text: string): Promise<boolean> {
  parseKeys(text, 'standard input');
  const found = await readTextIfThere(path);
  if (found === text) return false;
  if (found !== undefined) {
    throw new Error(
      `${path} has keys of its own, and what they have sealed would be lost: give the node an empty state directory, or add them by hand`,
    );
  }
  await keepKeyRing(path, text);
  return true;
}

function parseKeys(text: string, path: string): ReadonlyMap<string, Buffer> {
  const ring = parseKeyRing(text, path);
  const keys = new Map(ring.map(({ id, key }) => [id, Buffer.from(key, 'base64')]));
  if (keys.size < ring.length) throw new Error(`an id stands twice among the keys in ${path}`);
  for (const [id, key] of keys) {
    if (key.byteLength !== KEY_BYTES) {
      throw new Error(`key "${id}" in ${path} has ${key.byteLength} bytes, AES-256 needs 32`);
    }
  }
  return keys;
}

/** No message of a parser is passed on: it could quote a key. */
function parseKeyRing(text: string, path: string): z.infer<typeof keyRingSchema>['keys'] {
  const shape = '{"keys": [{"id": "…", "key": "<32 bytes in base64>"}, …]}';
  try {
    return keyRingSchema.parse(JSON.parse(text)).keys;
  } catch {
    throw new Error(`${path} is no key ring: expected ${shape}`);
  }
}

function createCipher(keys: ReadonlyMap<string, Buffer>, path: string): Cipher {
  const [first] = keys;
  if (first === undefined) throw new Error(`no key in ${path}`);
  const [keyId, key] = first;
  return {
    keyId,
    knows: (id) => keys.has(id),
    seal: (plain) => {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce);
      const body = Buffer.concat([cipher.update(plain), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), body]);
    },
    open: (sealed, id) => {
      const known = keys.get(id);
      if (known === undefined) {
        throw new Error(`encrypted with key "${id}", which is not in ${path}: add it to "keys"`);
      }
      const nonce = sealed.subarray(0, NONCE_BYTES);
      const tag = sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES);
      const body = sealed.subarray(NONCE_BYTES + TAG_BYTES);
      try {
        // A tag that was cut short must not be taken for a weaker one.
        const options = { authTagLength: TAG_BYTES };
        const decipher = createDecipheriv('aes-256-gcm', known, nonce, options);
        decipher.setAuthTag(tag);
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

/** What is encrypted with a key must not outlive it: after a power cut the key is still there. */
async function keepKeyRing(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeDurably(path, Buffer.from(text));
}
