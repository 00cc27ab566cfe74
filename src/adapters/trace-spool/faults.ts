import { isDiskFullCode } from '../../domain/disk-full.ts';
import { TransientError } from '../../domain/failure.ts';
import { errorCode } from '../host/error-code.ts';

/**
 * Returns the error for a disk fault. It is transient, because somebody, even the job itself, may
 * free space. The message names the path.
 */
export function diskFault(action: string, path: string, cause: unknown): TransientError {
  const code = errorCode(cause) ?? String(cause);
  const reason = isDiskFullCode(code) ? `no space left (${code})` : code;
  return new TransientError(`cannot ${action} ${path}: ${reason}`, { cause, from: 'disk' });
}
