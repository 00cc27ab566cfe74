import { open } from 'node:fs/promises';
import { errorMessage } from '../../domain/error-message.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { errorCode } from '../host/error-code.ts';

/** The limit is far above any real file, and keeps a wrong path from exhausting the memory. */
const MAX_CONFIG_BYTES = 8 * 1024 * 1024;

export interface ConfigFile {
  readonly text: string;
  readonly isOpenToAll: boolean;
  readonly isMissing: boolean;
}

/**
 * Reads the text of the file; a missing file is empty. Throws InvalidConfig when it cannot be read.
 */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  try {
    const file = await open(path, 'r');
    try {
      const { size, mode } = await file.stat();
      if (size > MAX_CONFIG_BYTES) throw new Error(`${size} bytes are too many for a config file`);
      const text = new TextDecoder('utf-8', { fatal: true }).decode(await file.readFile());
      return { text, isOpenToAll: (mode & 0o007) !== 0, isMissing: false };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { text: '', isOpenToAll: false, isMissing: true };
    const reason = errorMessage(error);
    throw new FinalError(FailureType.InvalidConfig, `${path}: cannot be read: ${reason}`, {
      cause: error,
    });
  }
}
