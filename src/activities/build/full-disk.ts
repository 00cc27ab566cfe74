import { systemFailure, type StageOutcome } from '../../domain/context/outcome.ts';
import type { ContainerPlace } from '../../domain/executor/environment.ts';
import { isDiskFullCode } from '../../domain/disk-full.ts';
import type { LiveBuild } from './live-builds.ts';
import type { Ports } from '../../ports/index.ts';

/** Whether this error, or one of its causes, says that the node's disk is full. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && isDiskFullCode(error.code)) || isDiskFull(error.cause);
}

interface FullDisk {
  readonly place: ContainerPlace;
  readonly ports: Pick<Ports, 'builds'>;
  /** What could not be stored, with its path. */
  readonly message: string;
}

/**
 * Ends the build because part of its log cannot be stored. Deleting the container's output makes
 * room for the notes and the last lines, so the container must have ended. The fault is remembered
 * for later calls while there is still too little room.
 */
export async function giveUpForFullDisk(
  build: LiveBuild,
  { place, ports, message }: FullDisk,
): Promise<StageOutcome> {
  build.diskFault ??= message;
  const { output } = await ports.builds.stageFiles(build.context.buildId, place);
  await build.trace.abandonFile(place, output);
  return systemFailure(build.diskFault);
}

/**
 * Adds lines to the log. In a build that was given up for a full disk, lines that the disk does not
 * take wait in memory: only the removal of the build's containers may make room for them.
 */
export async function addLines(build: LiveBuild, add: () => Promise<void>): Promise<void> {
  try {
    await add();
  } catch (error) {
    if (!isStillFull(build, error)) throw error;
  }
}

/** Whether the disk is full although the build was given up for it, so that waiting is no use. */
export function isStillFull(
  build: LiveBuild,
  error: unknown,
): build is LiveBuild & { readonly diskFault: string } {
  return build.diskFault !== undefined && isDiskFull(error);
}
