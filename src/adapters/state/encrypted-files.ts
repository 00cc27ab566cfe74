import type { Cipher } from './cipher.ts';

/** Encrypts the content of a file, as `<key id>\0<encrypted>`. */
export function encryptJson(value: unknown, { encrypt, keyId }: Cipher): Buffer {
  return Buffer.concat([Buffer.from(`${keyId}\0`), encrypt(Buffer.from(JSON.stringify(value)))]);
}

/** Decrypts such a content. Throws when its key is missing, or its bytes were changed. */
export function decryptJson(content: Buffer, cipher: Cipher): unknown {
  const encrypted = content.subarray(content.indexOf(0) + 1);
  const plain = cipher.decrypt(encrypted, keyIdOf(content) ?? '');
  return JSON.parse(Buffer.from(plain).toString()) as unknown;
}

/** Returns the key's id; undefined when not even that was written completely. */
export function keyIdOf(content: Buffer): string | undefined {
  const separator = content.indexOf(0);
  return separator === -1 ? undefined : content.subarray(0, separator).toString();
}
