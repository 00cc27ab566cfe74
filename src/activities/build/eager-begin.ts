import type { Beginning } from '../contract.ts';
import { CREATE_CONTAINERS, type LiveBuild } from './live-builds.ts';

/**
 * Takes over the eager begin of the build, which may still be in progress. Returns undefined when
 * there is none, or when another call has taken it over. The caller then begins the build itself.
 */
export function takeEagerBegin(build: LiveBuild): Promise<Beginning> | undefined {
  const { eagerBegin } = build;
  build.eagerBegin = undefined;
  return eagerBegin;
}

/**
 * Stops an eager begin that no call has taken over, and the preparation, because the workflow wants
 * to end the build. When this resolves, neither of them writes to the trace any more. Several
 * callers may wait at the same time.
 */
export async function stopEagerBegin(build: LiveBuild): Promise<void> {
  build.closing.abort();
  // The eager begin may start the preparation until it ends itself.
  await build.eagerBegin?.catch(() => undefined);
  await build.settled(CREATE_CONTAINERS);
}

/** Stops the preparation that is in progress. A person may have it tried again. */
export async function stopPreparation(build: LiveBuild): Promise<void> {
  build.preparing?.abort();
  await build.settled(CREATE_CONTAINERS);
}

/**
 * Ends the preparation of the environment for good. When this resolves, nothing more is created, and
 * no line of the preparation is written to the trace any more.
 */
export async function endPreparation(build: LiveBuild): Promise<void> {
  build.closing.abort();
  await build.settled(CREATE_CONTAINERS);
}
