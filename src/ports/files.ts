/**
 * A file on its way into or out of a container. Its content is read, or left, before the next one is
 * asked for: one stream holds them all.
 */
export interface FileMember {
  /** Relative to what was asked for, parts joined by `/`, without one at its ends. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
  /** 0 unless a file. */
  readonly sizeBytes: number;
  /** '' unless a symlink. */
  readonly linkTarget: string;
  readonly content: AsyncIterable<Uint8Array>;
}

export type ArchiveFormat = 'zip' | 'gzip' | 'raw' | 'tarzstd' | 'zipzstd';

export interface PackOptions {
  /** Host path of the archive to write. An older one is replaced. */
  readonly file: string;
  readonly format: ArchiveFormat;
  readonly level: 'fastest' | 'fast' | 'default' | 'slow' | 'slowest';
  readonly signal: AbortSignal;
}

/** What an archive holds. */
export interface ArchiveMember extends FileMember {
  /**
   * A directory that only paths of other members name. To be made where it is missing, and left as
   * it is where it is not.
   */
  readonly isImplied: boolean;
}

/** Archives on this node's disk. Nothing is ever held in memory as a whole. */
export interface Archives {
  /** Whether this node can pack such an archive. */
  canPack(format: ArchiveFormat): boolean;
  /**
   * Packs files, and makes the archive durable (fsync) before it returns. `raw` takes exactly one
   * file. Fails with a FinalError: RunnerSystem when the disk is full, InvalidArchive when the
   * format cannot hold these members.
   */
  pack(
    options: PackOptions,
    members: AsyncIterable<FileMember>,
  ): Promise<{ readonly sizeBytes: number }>;
  /**
   * What is in an archive of any of the formats but `raw`, told apart by their first bytes; implied
   * directories come before all else. Fails with a FinalError(InvalidArchive) before the first
   * member when one of them would leave its directory, and amid the content of one that is damaged
   * or holds more than it says.
   */
  unpack(file: string, signal: AbortSignal): AsyncIterable<ArchiveMember>;
}

/** SHA-256 of bytes that come one after the other. */
export interface RunningDigest {
  add(bytes: Uint8Array): void;
  /** 64 lower-case hex digits of all that was added. To be called once, at the end. */
  hex(): string;
}
