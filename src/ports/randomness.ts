/** Cryptographically secure randomness, as lower-case hex digits. */
export interface Randomness {
  hex(bytes: number): string;
}
