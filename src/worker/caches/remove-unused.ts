import type { ContainerEngine, Ports } from '../../ports/index.ts';

interface UnusedVolume {
  readonly volume: string;
  /** The volume stays if a job has used it at that time or later. */
  readonly sinceMs: number;
}

/**
 * Removes a cache volume unless it was used meanwhile. Returns whether it was removed. A failure is
 * only logged, because other volumes have to go too.
 */
export async function removeUnused(
  { volume, sinceMs }: UnusedVolume,
  engine: Pick<ContainerEngine, 'removeIdleVolume'>,
  { cacheUses, log }: Pick<Ports, 'cacheUses' | 'log'>,
): Promise<boolean> {
  try {
    const remove = (): Promise<boolean> => engine.removeIdleVolume(volume);
    return await cacheUses.removeUnlessUsed(volume, sinceMs, remove);
  } catch (error) {
    log.warn('cache volume not removed, tried again later', { volume, error });
    return false;
  }
}
