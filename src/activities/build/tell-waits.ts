import { waitAfter } from '../../domain/build/wait.ts';
import { TransientError } from '../../domain/failure.ts';
import type { LiveBuilds } from './live-builds.ts';
import type { Waits } from './waits.ts';
import { wrapCalls, type Calls } from './wrap-calls.ts';

/**
 * Wraps the activities so that the build counts as waiting from a transient fault of a call until a
 * call of the same name succeeds.
 */
export function tellWaits<T extends Calls<T>>(activities: T, live: Pick<LiveBuilds, 'known'>): T {
  return wrapCalls(activities, (name, call) => async (...input) => {
    const waitsOf = (): Waits | undefined => findWaits(input[0], live);
    // Only these calls are given up after some tries. Then no later call of the same name ends
    // their waits.
    if (name === 'reportResult') {
      for (const given of ['beginBuild', 'prepareEnvironment']) waitsOf()?.end(given);
    }
    try {
      const answer = await call(...input);
      waitsOf()?.end(name);
      return answer;
    } catch (error) {
      const waits = waitsOf();
      if (error instanceof TransientError) waits?.begin(name, waitAfter(error));
      else waits?.end(name);
      throw error;
    }
  });
}

function findWaits(
  input: { readonly buildId?: unknown } | undefined,
  live: Pick<LiveBuilds, 'known'>,
): Waits | undefined {
  if (typeof input?.buildId !== 'string') return undefined;
  return live.known(input.buildId)?.waits;
}
