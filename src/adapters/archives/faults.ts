import { FailureType, FinalError } from '../../domain/failure.ts';
import { quoteText } from '../../domain/quote-text.ts';
import { errorCode } from '../host/error-code.ts';

/** Quotes a name that an archive holds. */
export function quoted(name: string): string {
  return quoteText(name, 120);
}

export function memberFault(path: string, why: string): FinalError {
  return archiveFault(`${quoted(path)} ${why}`);
}

export function archiveFault(why: string, cause?: unknown): FinalError {
  return new FinalError(FailureType.InvalidArchive, `the archive is refused: ${why}`, { cause });
}

/** Turns a full or failing disk into a FinalError. Other errors are returned unchanged. */
export function diskFault(error: unknown, doing: string): unknown {
  const code = errorCode(error) ?? '';
  const why = DISK_FAULTS.get(code);
  if (why === undefined) return error;
  return new FinalError(FailureType.RunnerSystem, `${doing}: ${why} (${code})`, { cause: error });
}

const DISK_FAULTS: ReadonlyMap<string, string> = new Map([
  ['ENOSPC', 'the disk is full: make room, or move the state directory to a larger disk'],
  ['EDQUOT', 'the disk quota is used up: raise it, or move the state directory'],
  ['EROFS', 'the file system is mounted read-only'],
  ['EACCES', 'this user may not do so: correct the permissions'],
  ['EFBIG', 'the file grows too large for this file system'],
  ['EIO', 'the disk fails'],
]);
