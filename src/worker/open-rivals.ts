import { readFile, writeFile } from 'node:fs/promises';
import type { Log } from '../activities/ports.ts';
import { readBoot } from '../adapters/process-identity.ts';
import type { StateDirectory } from '../adapters/state-directory.ts';
import type { Temporal } from '../adapters/temporal/connect.ts';
import { readPollers } from '../adapters/temporal/pollers.ts';
import type { ProgramInfo } from '../domain/build/context.ts';
import { formatProcessName } from '../domain/runner/process-name.ts';
import { systemClock } from './program.ts';
import { assertAlone, watchRivals, type RivalWatch } from './rivals.ts';

export interface RivalsOptions {
  readonly state: StateDirectory;
  readonly temporal: Temporal;
  readonly nodeQueue: string;
  readonly program: ProgramInfo;
  readonly log: Log;
}

export interface Rivals extends Pick<RivalWatch, 'whenRivaled'> {
  /** What this process calls itself. */
  readonly identity: string;
  /** Notes that this process has left in good order: the next one need not wait for it. */
  close(): Promise<void>;
}

/** Makes sure that this process is the only one of its node, now and from now on. */
export async function openRivals(options: RivalsOptions): Promise<Rivals> {
  const { state, temporal, nodeQueue, program, log } = options;
  const identity = formatProcessName({
    ...{ host: program.hostname, pid: process.pid },
    ...{ boot: await readBoot(), sinceMs: systemClock.nowMs() },
  });
  const predecessor = await readFile(state.leaverFile, 'utf8').catch(() => undefined);
  const scope = {
    ...{ identity, predecessor: predecessor?.trim(), log, clock: systemClock },
    stateDir: state.path,
    readPollers: () => readPollers(temporal.client, nodeQueue),
  };
  await assertAlone(scope);
  const watch = watchRivals(scope);
  return {
    ...{ identity, whenRivaled: watch.whenRivaled },
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
