import { createHash, timingSafeEqual } from 'node:crypto';

/** Compares a secret with a given text, in a time that tells nothing about either. */
export function isSameText(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
