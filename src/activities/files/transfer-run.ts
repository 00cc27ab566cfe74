import type { StageOutcome } from '../../domain/context/outcome.ts';
import type { StageRequest } from '../contract.ts';
import type { LiveBuild } from '../build/live-builds.ts';
import type { Ports } from '../../ports/index.ts';

/** A stage that moves files between the build's containers and the world. */
export interface TransferRun {
  /** Names this try of the stage in notes and in the trace's keys. */
  readonly key: string;
  readonly request: StageRequest;
  readonly ports: Ports;
  /** Aborts when the stage is told to stop: whatever it throws then is not told. */
  readonly signal: AbortSignal;
}

/**
 * Safe to repeat from its beginning at any moment: files are packed anew, and what is said is said
 * once. Throws what passes; says in the trace what it fails at, and returns `script_failed`.
 */
export type Transfer = (build: LiveBuild, run: TransferRun) => Promise<StageOutcome>;
