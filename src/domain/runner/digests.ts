/** Digests that pure code needs and cannot compute without the host; text is hashed as UTF-8. */
export interface Digests {
  /** 32 lower-case hex digits. For names only, never for trust. */
  readonly md5Hex: (text: string) => string;
  /** 64 lower-case hex digits. */
  readonly sha256Hex: (text: string) => string;
}
