import type { Log } from '../../ports/index.ts';
import type { Daemon } from './daemon.ts';
import type { EngineTiming } from './timing.ts';
import type { KeyedMutex } from '../host/keyed-mutex.ts';

/** What all parts of the engine share. */
export interface EngineParts {
  readonly daemon: Daemon;
  readonly timing: EngineTiming;
  readonly installation: string;
  readonly log: Log;
  readonly withLocks: KeyedMutex;
}
