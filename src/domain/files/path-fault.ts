import { pathByteLength } from './path-bytes.ts';

/** Linux limits: for a path with its terminator, and for each part of it. */
const MAX_PATH_BYTES = 4_095;
const MAX_PART_BYTES = 255;

/** Returns why a member of this name must not be in an archive; undefined when it may. */
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
