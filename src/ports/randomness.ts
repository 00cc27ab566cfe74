export interface Randomness {
  hex(bytes: number): string;
}
