import { archiveFault } from './faults.ts';

/**
 * Limits for the content of one archive. A job that unpacks it is limited by its own disk, so these
 * limits protect the node's memory and time.
 */
export interface ArchiveLimits {
  /** Number of members, and of directories that occur only in their paths. */
  readonly members: number;
  /** Bytes of all paths together, because they are held in memory. */
  readonly pathBytes: number;
  /** Bytes of all contents together. */
  readonly contentBytes: number;
  /** The greatest ratio of content to archive. */
  readonly ratio: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = {
  // The largest package trees have about 300,000 files.
  members: 1_000_000,
  pathBytes: 256 * 1024 * 1024,
  // GitLab's own limits are single gigabytes of compressed data.
  contentBytes: 256 * 1024 ** 3,
  // Deflate compresses at most 1,032 bytes into one. A greater ratio means that bytes are counted
  // repeatedly.
  ratio: 1_040,
};

/** Contents up to this size are allowed for any archive, however short. */
const FREE_CONTENT_BYTES = 1024 * 1024;

/**
 * Adds up the declared sizes of contents, and throws when they exceed what an archive of this size
 * can contain.
 */
export function contentCounter(
  archiveBytes: number,
  { contentBytes: limit, ratio }: Pick<ArchiveLimits, 'contentBytes' | 'ratio'>,
): (bytes: number) => void {
  const allowance = Math.min(limit, ratio * archiveBytes + FREE_CONTENT_BYTES);
  let contentBytes = 0;
  return (bytes) => {
    contentBytes += bytes;
    if (contentBytes <= allowance) return;
    throw archiveFault(
      `it says to hold more than ${allowance} bytes, and has ${archiveBytes} itself`,
    );
  };
}

/**
 * Returns the only spelling of a member's path, so that the same place is always recognized:
 * without doubled slashes, `.` and a slash at the end. '' is the archive's own directory.
 */
export function plainPath(path: string): string {
  return path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
}

export type MemberKind = 'file' | 'directory' | 'symlink';

/**
 * Remembers the members so far. None may replace another, or lie below a member that is not a
 * directory.
 */
export interface SeenMembers {
  /**
   * Returns why the member must not follow the earlier ones. Returns undefined when it may, and
   * then records it.
   */
  faultOf(path: string, kind: MemberKind): string | undefined;
  /** Returns the directories that occur only in paths, parents first. */
  impliedDirectories(): readonly string[];
}

type Seen = MemberKind | 'implied';

export function createSeenMembers(limits: ArchiveLimits): SeenMembers {
  const seen = new Map<string, Seen>();
  let pathBytes = 0;
  const add = (path: string, kind: Seen): void => {
    if (!seen.has(path)) pathBytes += path.length;
    seen.set(path, kind);
  };
  const parentFault = (path: string): string | undefined => {
    for (let end = path.lastIndexOf('/'); end !== -1; end = path.lastIndexOf('/', end - 1)) {
      const parent = path.slice(0, end);
      const kind = seen.get(parent);
      if (kind === 'symlink') return `lies below "${parent}", which is a symbolic link`;
      if (kind === 'file') return `lies below "${parent}", which is a file`;
      if (kind !== undefined) return undefined; // All its parents are known too.
      add(parent, 'implied');
    }
    return undefined;
  };
  return {
    faultOf: (path, kind) => {
      const known = seen.get(path);
      const isAgain = known === 'implied' || known === 'directory';
      if (known !== undefined && !(isAgain && kind === 'directory')) return 'is there twice';
      const fault = parentFault(path);
      if (fault !== undefined) return fault;
      add(path, kind);
      if (seen.size > limits.members) return `is one too many: ${limits.members} is the limit`;
      if (pathBytes > limits.pathBytes) return 'is one too many: all names together are too long';
      return undefined;
    },
    impliedDirectories: () =>
      [...seen]
        .filter(([, kind]) => kind === 'implied')
        .map(([path]) => path)
        .sort(),
  };
}
