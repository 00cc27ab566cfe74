import type { BuildStore, Clock, Log, TraceSpool } from '../activities/ports.ts';

export interface TraceSpoolOptions {
  readonly builds: Pick<BuildStore, 'directory'>;
  readonly clock: Clock;
  readonly log: Log;
}

export declare function createTraceSpool(options: TraceSpoolOptions): TraceSpool;
