/** Files on this node's own disk, such as a build's scratch files. */
export interface HostFiles {
  /** Opens a file. Throws when there is no such file. Leaving the content early closes it. */
  open(
    path: string,
  ): Promise<{ readonly sizeBytes: number; readonly content: AsyncIterable<Uint8Array> }>;
  /** Deletes a file. An absent file is no error. */
  remove(path: string): Promise<void>;
}
