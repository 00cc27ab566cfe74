import { eachOf } from '../../domain/each-of.ts';
import type { ArchiveMember } from '../../ports/index.ts';

/**
 * Describes a directory that an archive does not name itself, with the mode that gitlab-runner's
 * helper gives it, whose umask is 0.
 */
export function impliedDirectory(path: string): ArchiveMember {
  return {
    path,
    kind: 'directory',
    mode: 0o777,
    uid: 0,
    gid: 0,
    isImplied: true,
    modifiedMs: Date.now(),
    linkTarget: '',
    sizeBytes: 0,
    content: eachOf([]),
  };
}
