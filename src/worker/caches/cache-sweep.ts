import type { ContainerEngine, Ports } from '../../ports/index.ts';
import type { CacheLimits } from './cache-limits.ts';
import { createSizeSweep, inMib, type SizeSweep } from './cache-size-sweep.ts';
import { removeUnused } from './remove-unused.ts';
import { atEachDaemon } from '../recovery/leftovers.ts';
import { oneAtATime } from '../recovery/one-at-a-time.ts';

const DAY_MS = 24 * 3_600_000;
const NOT_CHECKED = 'cache volumes not checked for their age';

type RemovalPorts = Pick<Ports, 'cacheUses' | 'clock' | 'log'>;
type SweepPorts = RemovalPorts & Pick<Ports, 'config' | 'engine'>;

/**
 * Returns a function that removes the cache volumes of this installation that no job has used for
 * long, and then as many as exceed the size limit. Failures are only logged, because the next sweep
 * tries again. Calls during a sweep do nothing.
 */
export function createCacheSweep(ports: SweepPorts, limits: CacheLimits): () => Promise<void> {
  const sizeSweep = createSizeSweep(ports, limits.maxBytes);
  const { maxIdleDays } = limits;
  return oneAtATime(async () => {
    if (maxIdleDays === 0 && limits.maxBytes === 0) return;
    try {
      const idleMs = maxIdleDays === 0 ? Infinity : maxIdleDays * DAY_MS;
      await sweepAll(ports, { sinceMs: ports.clock.nowMs() - idleMs, sizeSweep });
    } catch (error) {
      ports.log.warn(NOT_CHECKED, { error });
    }
  });
}

interface Sweep {
  /** Volumes that were not used since then are removed; -Infinity removes none. */
  readonly sinceMs: number;
  readonly sizeSweep: SizeSweep;
}

async function sweepAll(ports: SweepPorts, { sinceMs, sizeSweep }: Sweep): Promise<void> {
  const seen = new Set<string>();
  const sawAll = await atEachDaemon(ports, NOT_CHECKED, async (engine) => {
    for (const name of await sweepDaemon(engine, sinceMs, ports)) seen.add(name);
    await sizeSweep(engine);
  });
  // The volumes of a daemon that is away have been used all the same.
  if (sawAll) await ports.cacheUses.forgetOthers(seen, sinceMs);
}

/**
 * Removes old volumes of one daemon, then enforces the size limit. Returns all cache volumes of the
 * daemon.
 */
async function sweepDaemon(
  engine: ContainerEngine,
  sinceMs: number,
  ports: RemovalPorts,
): Promise<readonly string[]> {
  const { cacheUses } = ports;
  const idle: string[] = [];
  const volumes = await engine.listCacheVolumes();
  for (const { name, isMounted } of volumes) {
    if (isMounted) await cacheUses.noteUse(name);
    else if ((await cacheUses.lastUseMs(name)) < sinceMs) idle.push(name);
  }
  if (idle.length > 0) await removeIdle(engine, { idle, sinceMs, ports });
  return volumes.map(({ name }) => name);
}

interface Removal {
  readonly idle: readonly string[];
  readonly sinceMs: number;
  readonly ports: RemovalPorts;
}

async function removeIdle(
  engine: ContainerEngine,
  { idle, sinceMs, ports }: Removal,
): Promise<void> {
  const { cacheUses, clock, log } = ports;
  const sizes = await engine.measureVolumes().catch((error: unknown) => {
    log.warn('cache volumes not measured', { error });
    return new Map<string, number>();
  });
  for (const volume of idle) {
    const lastMs = await cacheUses.lastUseMs(volume);
    if (!(await removeUnused({ volume, sinceMs }, engine, ports))) continue;
    const bytes = sizes.get(volume);
    log.info('cache volume removed, no job has used it for long', {
      volume,
      unused_days: Math.floor((clock.nowMs() - lastMs) / DAY_MS),
      ...(bytes !== undefined && { size_mib: inMib(bytes) }),
    });
  }
}
