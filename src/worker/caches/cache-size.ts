import { parseMemoryBytes } from '../../domain/runner/resource-units.ts';

const ENV_NAME = 'TEMPORAL_GITLAB_RUNNER_CACHE_SIZE';

/**
 * Reads how many bytes the cache volumes of a Docker daemon may use together. The default is 0, no
 * limit, because the right size depends on the disk, which may be another machine's, and measuring
 * is expensive. Throws for a text that is not a size.
 */
export function readCacheSizeBytes(env: Readonly<Record<string, string | undefined>>): number {
  const text = env[ENV_NAME] ?? '';
  const bytes = text === '' ? 0 : parseMemoryBytes(text);
  if (bytes !== undefined) return bytes;
  throw new Error(
    `${ENV_NAME} is ${JSON.stringify(text)}: expected a size such as 50g or 512m, or 0 for no limit`,
  );
}
