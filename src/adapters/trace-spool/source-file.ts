import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { diskFault } from './faults.ts';
import { errorCode } from '../host/error-code.ts';

/**
 * A file that a hostile job writes. It may be truncated, may have holes of terabytes, and may
 * change owner and mode. It is opened once, by a path that the job cannot replace.
 */
export interface SourceFile {
  sizeBytes(): Promise<number>;
  /** Reads at most `buffer.length` bytes from `offset`, and returns their number. */
  read(buffer: Uint8Array, offset: number): Promise<number>;
  /**
   * Frees the disk space, and leaves `DROPPED_BYTES`. Does nothing when the job has removed our
   * permission.
   */
  drop(): Promise<void>;
  /** Appends a hole. Does nothing when the job has removed our permission. */
  lengthen(toBytes: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Length of a file whose content was dropped. It is a hole without room on the disk. An empty file
 * would mean that no stage has written output yet: see `openDirectories` and `hasBegunEarly`.
 */
export const DROPPED_BYTES = 1;
/** Links are not followed, and a pipe in the file's place cannot block the open. */
const FLAGS = constants.O_NOFOLLOW | constants.O_NONBLOCK;

export async function openSourceFile(path: string): Promise<SourceFile> {
  const { file, isWritable } = await openFile(path).catch((error: unknown) => {
    throw diskFault('open', path, error);
  });
  const stat = await file.stat();
  if (!stat.isFile()) {
    await file.close();
    throw new FinalError(FailureType.RunnerSystem, `${path} is not a regular file`);
  }
  const failed =
    (action: string) =>
    (error: unknown): never => {
      throw diskFault(action, path, error);
    };
  return {
    sizeBytes: async () => (await file.stat().catch(failed('examine'))).size,
    read: async (buffer, offset) => {
      const reading = file.read(buffer, 0, buffer.length, offset);
      return (await reading.catch(failed('read'))).bytesRead;
    },
    drop: async () => {
      if (!isWritable) return;
      await file.truncate(0).catch(failed('empty'));
      await file.truncate(DROPPED_BYTES).catch(failed('empty'));
    },
    lengthen: async (toBytes) => {
      if (isWritable) await file.truncate(toBytes).catch(failed('lengthen'));
    },
    close: () => file.close(),
  };
}

async function openFile(path: string): Promise<{ file: FileHandle; isWritable: boolean }> {
  try {
    return { file: await open(path, constants.O_RDWR | FLAGS), isWritable: true };
  } catch (error) {
    if (errorCode(error) !== 'EACCES') throw error;
    return { file: await open(path, constants.O_RDONLY | FLAGS), isWritable: false };
  }
}
