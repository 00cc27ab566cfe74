import { readFile, writeFile } from 'node:fs/promises';
import type { Log } from '../../ports/index.ts';
import type { StateDirectory } from '../../adapters/state/state-directory.ts';
import type { Temporal } from '../../adapters/temporal/connect.ts';
import { readPollers } from '../../adapters/temporal/pollers.ts';
import type { ProgramInfo } from '../../domain/context/context.ts';
import { formatProcessName } from '../../domain/runner/process-name.ts';
import { systemClock } from '../machine/program.ts';
import { assertAlone, watchDuplicates, type DuplicateWatch } from './duplicate-nodes.ts';

export interface DuplicateNodesOptions {
  readonly state: StateDirectory;
  readonly temporal: Temporal;
  readonly nodeQueue: string;
  readonly program: ProgramInfo;
  readonly log: Log;
}

export interface DuplicateNodes extends Pick<DuplicateWatch, 'whenDuplicate'> {
  /** The name of this process. */
  readonly identity: string;
  /** Records that this process left properly, so that the next one need not wait for it. */
  close(): Promise<void>;
}

/** Makes sure that this process is the only one of its node, now and later. */
export async function openDuplicateWatch(options: DuplicateNodesOptions): Promise<DuplicateNodes> {
  const { state, temporal, nodeQueue, program, log } = options;
  const identity = formatProcessName({
    host: program.hostname,
    pid: process.pid,
    boot: systemClock.boot,
    sinceMs: systemClock.nowMs(),
  });
  const predecessor = await readFile(state.leaverFile, 'utf8').catch(() => undefined);
  const scope = {
    identity,
    predecessor: predecessor?.trim(),
    log,
    clock: systemClock,
    stateDir: state.path,
    readPollers: () => readPollers(temporal.client, nodeQueue),
  };
  await assertAlone(scope);
  const watch = watchDuplicates(scope);
  return {
    identity,
    whenDuplicate: watch.whenDuplicate,
    close: async () => {
      watch.close();
      await writeFile(state.leaverFile, `${identity}\n`, { mode: 0o600 }).catch(
        (error: unknown) => {
          log.debug('not noted that this process has left', { error });
        },
      );
    },
  };
}
