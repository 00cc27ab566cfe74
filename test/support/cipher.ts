import { openKeyRing, type Cipher } from '../../src/adapters/state/cipher.ts';

/** The cipher of a key ring, which is created if it is missing. */
export async function loadCipher(path: string): Promise<Cipher> {
  const { cipher, keep } = await openKeyRing(path);
  await keep();
  return cipher;
}
