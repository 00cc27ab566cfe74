/** Reads a byte stream in pieces of the requested size. */
export class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /**
   * Returns at least one and at most `maxBytes` bytes, as they arrive. Throws at the end of the
   * stream.
   */
  async upTo(maxBytes: number): Promise<Uint8Array> {
    if (!(await this.#fill())) throw endFault();
    const piece = this.#rest.subarray(0, maxBytes);
    this.#rest = this.#rest.subarray(piece.byteLength);
    return piece;
  }

  /** Returns exactly this many bytes. Throws when the stream ends before. */
  async exactly(lengthBytes: number): Promise<Buffer> {
    const bytes = Buffer.alloc(lengthBytes);
    for (let at = 0; at < lengthBytes;) {
      const piece = await this.upTo(lengthBytes - at);
      bytes.set(piece, at);
      at += piece.byteLength;
    }
    return bytes;
  }

  /** Like {@link exactly}, but returns undefined at the end of the stream. */
  async block(lengthBytes: number): Promise<Buffer | undefined> {
    return (await this.#fill()) ? this.exactly(lengthBytes) : undefined;
  }

  async skip(lengthBytes: number): Promise<void> {
    for (let left = lengthBytes; left > 0;) left -= (await this.upTo(left)).byteLength;
  }

  /** Reads to the end of the stream, because the sender may wait for that. */
  async drain(): Promise<void> {
    this.#rest = new Uint8Array(0);
    while (await this.#fill()) this.#rest = new Uint8Array(0);
  }

  /** Closes the stream, even in the middle. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #fill(): Promise<boolean> {
    while (this.#rest.byteLength === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#rest = next.value;
    }
    return true;
  }
}

function endFault(): Error {
  return new Error('the tar ends in the middle of a member');
}
