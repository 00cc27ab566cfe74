import { pathByteLength } from '../../domain/files/path-bytes.ts';

/**
 * Limits of what one archive may hold. A job that unpacks it has no more disk than it has without,
 * so these are there for the node: its memory, and its time.
 */
export interface ArchiveLimits {
  /** Members, and directories that are only named in their paths. */
  readonly members: number;
  /** Of all their paths together: they are held in memory. */
  readonly pathBytes: number;
  /** Of all their contents together. */
  readonly contentBytes: number;
  /** How many times its own length an archive may hold. */
  readonly ratio: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = {
  // The largest trees of packages have some 300,000 files.
  members: 1_000_000,
  pathBytes: 256 * 1024 * 1024,
  // GitLab's own limits are of single gigabytes, packed.
  contentBytes: 256 * 1024 ** 3,
  // Deflate packs at most 1,032 bytes into one: who promises more counts some of them twice.
  ratio: 1_040,
};

/** What Linux takes: for a path with its end, and for each part of it. */
const MAX_PATH_BYTES = 4_095;
const MAX_PART_BYTES = 255;

/** Why a member of this name may not be unpacked, or undefined. */
export function pathFault(path: string): string | undefined {
  if (path.includes('\0')) return 'has a NUL in its name';
  if (path.startsWith('/')) return 'has an absolute name';
  if (pathByteLength(path) > MAX_PATH_BYTES) return 'has a name that is too long';
  for (const part of path.split('/')) {
    if (part === '..') return 'leads out of the directory';
    if (pathByteLength(part) > MAX_PART_BYTES) return 'has a name that is too long';
  }
  return undefined;
}

export type MemberKind = 'file' | 'directory' | 'symlink';

/** What members there were so far: none may take another's place, or lie below what is no directory. */
export interface SeenMembers {
  /** Why it may not come after those before it, or undefined; then it counts as seen. */
  faultOf(path: string, kind: MemberKind): string | undefined;
  /** Directories that are named in paths only, parents first. */
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
      if (kind !== undefined) return undefined; // as are all above it
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
