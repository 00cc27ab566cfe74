import { hideSecrets } from '../../domain/build/hide-secrets.ts';
import { isObject } from '../../domain/is-object.ts';
import type { LiveBuilds } from './live-builds.ts';
import { wrapCalls, type Calls } from './wrap-calls.ts';

/**
 * Wraps the activities so that they mask the texts of their faults, thrown or returned, as the
 * build's trace is masked. These texts go into the node's log and into Temporal, where people may
 * decode them.
 */
export function maskFaults<T extends Calls<T>>(activities: T, live: Pick<LiveBuilds, 'known'>): T {
  return wrapCalls(activities, (_, call) => async (...input) => {
    try {
      return maskResult(await call(...input), maskOf(input[0], live));
    } catch (error) {
      maskError(error, maskOf(input[0], live));
      throw error;
    }
  });
}

type Mask = (text: string) => string;

/**
 * Returns undefined for a build that this process has not opened: its faults cannot contain
 * anything of the job.
 */
function maskOf(
  input: { readonly buildId?: unknown } | undefined,
  live: Pick<LiveBuilds, 'known'>,
): Mask | undefined {
  const build = typeof input?.buildId === 'string' ? live.known(input.buildId) : undefined;
  return build && ((text) => hideSecrets(text, build.context));
}

/**
 * Masks the outcome's `message`, which is its only free text. Everything else in it is of closed
 * lists.
 */
function maskResult(result: unknown, hide: Mask | undefined): unknown {
  const isText = isObject(result) && typeof result['message'] === 'string';
  if (hide === undefined || !isText) return result;
  return { ...result, message: hide(String(result['message'])) };
}

/**
 * Masks the message and the stack, which begins with the message. Errors that the platform itself
 * throws may not be changed, and contain nothing of a job.
 */
function maskError(error: unknown, hide: Mask | undefined): void {
  if (hide === undefined) return;
  for (let fault = error; fault instanceof Error; fault = fault.cause) {
    if (Object.hasOwn(fault, 'message')) fault.message = hide(fault.message);
    if (Object.hasOwn(fault, 'stack')) fault.stack = hide(fault.stack ?? '');
  }
}
