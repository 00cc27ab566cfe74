import { openKeyRing, type Cipher } from '../../src/adapters/state/cipher.ts';

/** Returns the cipher of a key ring. Creates the key ring if it is missing. */
export async function loadCipher(path: string): Promise<Cipher> {
  const { cipher, keep } = await openKeyRing(path);
  await keep();
  return cipher;
}
