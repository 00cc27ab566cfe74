import { chmod, mkdir, open, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BuildStore, StageFiles } from '../../ports/index.ts';
import type { PathOf } from './build-notes.ts';
import { makeFile, readIfThere } from './durable-files.ts';
import type { PipeStock } from './pipe-stock.ts';
import { makeWakePipe, READABLE_BY_JOB, wakeContainer } from './wake-pipe.ts';
import { readState, whenBegun, whenOver } from './stage-state-file.ts';
import { errorCode } from '../host/error-code.ts';

const MAX_END_BYTES = 8_192;
/** The mode of files that the job's container must be able to write as any user. */
const WRITABLE_BY_JOB = 0o666;
/** Names of the files of a container that waits. Earlier releases have them on disk. */
const NEXT_STAGE = 'turn';
const WAKE_PIPE = 'bell';

/** Creates the files by which the stages of a build and this process exchange data. */
export function createStageFiles(
  path: PathOf,
  pipes: PipeStock,
): Pick<
  BuildStore,
  | 'stageFiles'
  | 'serviceLogFile'
  | 'writeScript'
  | 'writeNextStage'
  | 'wakeContainer'
  | 'whenBegun'
  | 'whenOver'
  | 'readState'
  | 'readOutputEnd'
> {
  const make = (folder: string): Promise<StageFiles> => makeStageFiles(folder, pipes);
  return {
    stageFiles: (buildId, place) => make(path(buildId, place)),
    writeScript: async (buildId, place, { text, nonce }) => {
      const { script: file, state } = await make(path(buildId, place));
      // A shell may already read it, because the last process died while Docker started the
      // container.
      if ((await readIfThere(file))?.toString() === text) return;
      const known = await readState(state);
      if (known !== '' && !known.startsWith(nonce)) await emptyState(state);
      // The file is written in place, because the container has this inode mounted.
      await writeFile(file, text);
    },
    serviceLogFile: (buildId, index) => makeServiceLog(path(buildId, 'services'), index),
    writeNextStage: (buildId, place, nonce) =>
      writeFile(path(buildId, place, NEXT_STAGE), `${nonce}\n`),
    wakeContainer: (buildId, place, wait) =>
      wakeContainer(
        { wakePipe: path(buildId, place, WAKE_PIPE), state: path(buildId, place, 'state') },
        wait,
      ),
    readState: (buildId, place) => readState(path(buildId, place, 'state')),
    readOutputEnd: (buildId, place, fromByte) => readEnd(path(buildId, place, 'output'), fromByte),
    whenBegun: (buildId, place, wait) => whenBegun(path(buildId, place, 'state'), wait),
    whenOver: (buildId, place, wait) => whenOver(path(buildId, place, 'state'), wait),
  };
}

/**
 * Makes the files once. Always sets their modes, because a job can change them from one stage to
 * the next.
 */
async function makeStageFiles(folder: string, pipes: PipeStock): Promise<StageFiles> {
  const script = join(folder, 'script');
  const output = join(folder, 'output');
  const state = join(folder, 'state');
  const modes = [
    [script, READABLE_BY_JOB],
    [output, WRITABLE_BY_JOB],
    [state, WRITABLE_BY_JOB],
  ] as const;
  try {
    for (const [file, mode] of modes) await chmod(file, mode);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const [file, mode] of modes) await makeFile(file, mode);
  }
  const nextStage = join(folder, NEXT_STAGE);
  const wakePipe = await makeWakePipe({ nextStage, wakePipe: join(folder, WAKE_PIPE) }, pipes);
  return { script, output, state, nextStage, wakePipe };
}

async function makeServiceLog(folder: string, index: number): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const file = join(folder, `${index}.log`);
  await makeFile(file, 0o600);
  return file;
}

/**
 * Empties the state file. If the job has removed our permission, the wrapper empties the file
 * itself.
 */
async function emptyState(file: string): Promise<void> {
  await truncate(file).catch((error: unknown) => {
    const code = errorCode(error) ?? '';
    if (!['EACCES', 'EPERM'].includes(code)) throw error;
  });
}

/** Reads only the end of the file, whatever its size is. */
async function readEnd(file: string, fromByte: number): Promise<{ text: string; endByte: number }> {
  const handle = await open(file, 'r');
  try {
    const { size: endByte } = await handle.stat();
    const position = Math.max(fromByte, endByte - MAX_END_BYTES);
    const length = Math.max(0, endByte - position);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), { position });
    return { text: buffer.toString('utf8', 0, bytesRead), endByte };
  } finally {
    await handle.close();
  }
}
