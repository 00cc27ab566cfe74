import type { ContainerEngine, Ports } from '../../ports/index.ts';
import type { CacheVolume } from '../../ports/cache-volumes.ts';
import { removeUnused } from './remove-unused.ts';

const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;
/** Measuring is rare, because Docker then reads all files of all volumes. */
const MEASURE_EVERY_MS = HOUR_MS;
/**
 * A volume stays this long after its last use, because a build mounts it only when its images are
 * there.
 */
const KEEP_AFTER_USE_MS = HOUR_MS;

type SizePorts = Pick<Ports, 'cacheUses' | 'clock' | 'log'>;

/** Checks one daemon's cache volumes, and measures them when it is time. */
export type SizeSweep = (engine: ContainerEngine) => Promise<void>;

/**
 * Creates the sweep. It removes the least recently used cache volumes while all of them together
 * exceed `maxBytes`; 0 means no limit. It never removes a volume that is mounted or was used within
 * the last hour.
 */
export function createSizeSweep(ports: SizePorts, maxBytes: number): SizeSweep {
  const measured = new Map<ContainerEngine, Measurement>();
  return async (engine) => {
    if (maxBytes === 0) return;
    const { clock } = ports;
    const volumes = await engine.listCacheVolumes();
    const last = measured.get(engine);
    if (!(await isDue(volumes, last, ports))) return;
    measured.set(engine, { atMs: clock.monotonicMs(), calendarMs: clock.nowMs() });
    try {
      await shrink(engine, { volumes, maxBytes, ports });
    } catch (error) {
      ports.log.warn('cache volumes not checked for their size', { error });
    }
  };
}

interface Measurement {
  readonly atMs: number;
  /** The time by the wall clock, which last uses are recorded with. */
  readonly calendarMs: number;
}

/** Whether the volumes must be measured again. They do not grow while no job uses them. */
async function isDue(
  volumes: readonly CacheVolume[],
  last: Measurement | undefined,
  { cacheUses, clock }: SizePorts,
): Promise<boolean> {
  if (last === undefined) return true;
  if (clock.monotonicMs() - last.atMs < MEASURE_EVERY_MS) return false;
  for (const { name } of volumes) {
    if ((await cacheUses.lastUseMs(name)) >= last.calendarMs) return true;
  }
  return false;
}

interface Shrinking {
  readonly volumes: readonly CacheVolume[];
  readonly maxBytes: number;
  readonly ports: SizePorts;
}

async function shrink(
  engine: ContainerEngine,
  { volumes, maxBytes, ports }: Shrinking,
): Promise<void> {
  const { cacheUses, clock, log } = ports;
  const sizes = await engine.measureVolumes();
  const bytesOf = (name: string): number => sizes.get(name) ?? 0;
  let bytes = volumes.reduce((sum, { name }) => sum + bytesOf(name), 0);
  const sinceMs = clock.nowMs() - KEEP_AFTER_USE_MS;
  for (const { name, lastMs } of await oldestFirst(volumes, cacheUses)) {
    if (bytes <= maxBytes || lastMs >= sinceMs) break;
    if (bytesOf(name) === 0) continue;
    if (!(await removeUnused({ volume: name, sinceMs }, engine, ports))) continue;
    bytes -= bytesOf(name);
    log.info('cache volume removed, the caches took too much room', {
      volume: name,
      unused_hours: Math.floor((clock.nowMs() - lastMs) / HOUR_MS),
      size_mib: inMib(bytesOf(name)),
    });
  }
  if (bytes <= maxBytes) return;
  log.warn('the caches take more room than they may, what is left was used within the last hour', {
    size_mib: inMib(bytes),
    limit_mib: inMib(maxBytes),
  });
}

interface IdleVolume {
  readonly name: string;
  readonly lastMs: number;
}

async function oldestFirst(
  volumes: readonly CacheVolume[],
  cacheUses: Ports['cacheUses'],
): Promise<readonly IdleVolume[]> {
  const idle: IdleVolume[] = [];
  for (const { name, isMounted } of volumes) {
    if (!isMounted) idle.push({ name, lastMs: await cacheUses.lastUseMs(name) });
  }
  return idle.sort((one, other) => one.lastMs - other.lastMs);
}

export function inMib(bytes: number): number {
  return Math.round((bytes / MIB) * 10) / 10;
}
