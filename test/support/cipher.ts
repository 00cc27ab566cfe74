import { openKeyRing, type Cipher } from '../../src/adapters/state/cipher.ts';

/** That of a key ring, which is made when there is none. */
export async function loadCipher(path: string): Promise<Cipher> {
  const { cipher, keep } = await openKeyRing(path);
  await keep();
  return cipher;
}
