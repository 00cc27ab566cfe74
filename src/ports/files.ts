/**
 * A file on its way into or out of a container. Read or skip its content before asking for the next
 * one, because one stream contains them all.
 */
export interface FileMember {
  /** Relative to the requested path. Parts are joined by `/`, without a slash at either end. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Permission bits, at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedMs: number;
  /** 0 unless the member is a file. */
  readonly sizeBytes: number;
  /** Empty unless the member is a symlink. */
  readonly linkTarget: string;
  readonly content: AsyncIterable<Uint8Array>;
}

/** Another name of a file that was written before it. It replaces whatever had that name. */
export interface HardLink extends Omit<FileMember, 'kind'> {
  readonly kind: 'link';
  /** Relative to the same path as {@link FileMember.path}. */
  readonly linkTarget: string;
}

/** The formats of archives that GitLab knows. */
export type ArchiveFormat = 'zip' | 'gzip' | 'raw' | 'tarzstd' | 'zipzstd';

/** How an archive is packed. */
export interface PackOptions {
  /** Path of the archive to write on the node. An existing one is replaced. */
  readonly file: string;
  readonly format: ArchiveFormat;
  readonly level: 'fastest' | 'fast' | 'default' | 'slow' | 'slowest';
  readonly signal: AbortSignal;
}

/** A member of an archive. */
export interface ArchiveMember extends FileMember {
  /**
   * True for a directory that occurs only in paths of other members. It is created when missing and
   * otherwise left unchanged.
   */
  readonly isImplied: boolean;
}

/** Archives on this node's disk. None is ever held in memory as a whole. */
export interface Archives {
  /** Whether this node can pack such an archive. */
  canPack(format: ArchiveFormat): boolean;
  /**
   * Packs files and makes the archive durable (fsync) before it returns. `raw` takes exactly one
   * file. Throws a FinalError: RunnerSystem when the disk is full, InvalidArchive when the format
   * cannot hold these members.
   */
  pack(
    options: PackOptions,
    members: AsyncIterable<FileMember>,
  ): Promise<{ readonly sizeBytes: number }>;
  /**
   * Reads the members of an archive of any format but `raw`. The first bytes tell the format.
   * Implied directories come first. Throws a FinalError(InvalidArchive) before the first member
   * when one would leave its directory, and within the content of a member that is damaged or
   * longer than declared.
   */
  unpack(file: string, signal: AbortSignal): AsyncIterable<ArchiveMember>;
}

/** The SHA-256 of bytes that are added one after another. */
export interface RunningDigest {
  add(bytes: Uint8Array): void;
  /** Returns 64 lower-case hex digits for all bytes that were added. Call it once, at the end. */
  hex(): string;
}
