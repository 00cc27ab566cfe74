import type { Beginning } from '../contract.ts';
import { MAKING, type LiveBuild } from './live-builds.ts';

/**
 * Returns how this node begins the build, or has begun it, before its workflow's first call.
 * Undefined when it does not, or when another call has taken that over: the next try begins anew.
 */
export function takeBegun(build: LiveBuild): Promise<Beginning> | undefined {
  const { begun } = build;
  build.begun = undefined;
  return begun;
}

/**
 * Stops a beginning that no call has taken over, and a preparation, because the workflow wants to end
 * the build. When this resolves, for each of several callers, neither writes anything more to the
 * trace.
 */
export async function stopBegun(build: LiveBuild): Promise<void> {
  build.closing.abort();
  // It may still begin the preparation.
  await build.begun?.catch(() => undefined);
  await stopPreparation(build);
}

/**
 * Ends the preparation of the environment for good. When this resolves, nothing more is created, and
 * no line of the preparation is written to the trace any more.
 */
export async function stopPreparation(build: LiveBuild): Promise<void> {
  build.closing.abort();
  await build.settled(MAKING);
}
