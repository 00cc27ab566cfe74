import type { StageOutcome } from '../../domain/context/outcome.ts';
import type { StageRequest } from '../contract.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { Ports } from '../../ports/index.ts';
import type { ContainerStagePorts } from '../build/container-stage.ts';

/** The ports of stages that move files, including those for the listings in containers. */
export type TransferPorts = ContainerStagePorts &
  Pick<Ports, 'archives' | 'cacheStore' | 'hostFiles' | 'runningSha256' | 'secrets' | 'systemId'>;

/** A stage that moves files between the build's containers and the outside. */
export interface TransferRun {
  /** Identifies this try of the stage in notes and in the trace's keys. */
  readonly key: string;
  readonly request: StageRequest;
  readonly ports: TransferPorts;
  /** Aborts when the stage is told to stop. Errors after that are not reported. */
  readonly signal: AbortSignal;
}

/**
 * Runs a stage that moves files. Safe to repeat at any moment: files are packed again, and lines
 * are printed once. Throws transient faults. Prints a permanent one in the trace and returns
 * `script_failed`.
 */
export type Transfer = (build: LiveBuild, run: TransferRun) => Promise<StageOutcome>;
