import { hideSecrets } from '../../domain/build/hide-secrets.ts';
import { TransientError } from '../../domain/failure.ts';
import type { LiveBuilds } from './live-builds.ts';

type Calls<T> = Record<keyof T, (...input: never[]) => Promise<unknown>>;

/**
 * The same activities. The reason of a step that is tried again goes into the node's log, so what the
 * build's trace hides is hidden there too. Other faults end the build, and are hidden with its result.
 */
export function maskFaults<T extends Calls<T>>(activities: T, live: Pick<LiveBuilds, 'find'>): T {
  const masked = Object.entries<Calls<T>[keyof T]>(activities).map(([name, call]) => [
    name,
    async (...input: never[]): Promise<unknown> => {
      try {
        return await call(...input);
      } catch (error) {
        if (error instanceof TransientError) await mask(error, input[0], live);
        throw error;
      }
    },
  ]);
  return Object.fromEntries(masked) as T;
}

async function mask(
  error: TransientError,
  input: { readonly buildId?: unknown } | undefined,
  live: Pick<LiveBuilds, 'find'>,
): Promise<void> {
  if (typeof input?.buildId !== 'string') return;
  const build = await live.find(input.buildId).catch(() => undefined);
  if (build !== undefined) error.message = hideSecrets(error.message, build.context);
}
