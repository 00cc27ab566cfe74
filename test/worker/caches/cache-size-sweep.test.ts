import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { ContainerEngine } from '../../../src/ports/index.ts';
import type { CacheUses } from '../../../src/ports/cache-volumes.ts';
import { createSizeSweep } from '../../../src/worker/caches/cache-size-sweep.ts';
import { recordingLog } from '../../support/recording-log.ts';

const HOUR_MS = 3_600_000;
const MIB = 1024 * 1024;
const NOW_MS = 1_000 * HOUR_MS;

interface Volume {
  readonly sizeMib: number | undefined;
  lastMs: number;
  isMounted?: boolean;
}

/** A fake of the Docker and the notes of a node that the sweep reads. */
function createPlace() {
  const volumes = new Map<string, Volume>();
  const { log, said, warnings } = recordingLog();
  const place = {
    ...{ volumes, log, said, warnings, nowMs: NOW_MS, measurements: 0 },
    beforeRemoval: undefined as ((name: string) => void) | undefined,
    fault: undefined as Error | undefined,
  };
  const lastUseMs = (name: string): number => volumes.get(name)?.lastMs ?? place.nowMs;
  const cacheUses: Pick<CacheUses, 'lastUseMs' | 'removeUnlessUsed'> = {
    lastUseMs: async (name) => lastUseMs(name),
    removeUnlessUsed: async (name, sinceMs, remove) => {
      place.beforeRemoval?.(name);
      return lastUseMs(name) < sinceMs && (await remove());
    },
  };
  const engine: Pick<ContainerEngine, 'listCacheVolumes' | 'measureVolumes' | 'removeIdleVolume'> =
    {
      listCacheVolumes: async () =>
        [...volumes].map(([name, { isMounted = false }]) => ({ name, isMounted })),
      measureVolumes: async () => {
        place.measurements += 1;
        if (place.fault !== undefined) throw place.fault;
        const known = [...volumes].flatMap(([name, { sizeMib }]) =>
          sizeMib === undefined ? [] : [[name, sizeMib * MIB] as const],
        );
        return new Map([...known, ['somebody-elses', 10_000 * MIB]]);
      },
      removeIdleVolume: async (name) =>
        volumes.get(name)?.isMounted !== true && volumes.delete(name),
    };
  const clock = { nowMs: () => place.nowMs, monotonicMs: () => place.nowMs };
  const sweepOf = (maxMib: number): (() => Promise<void>) => {
    const ports = { log, cacheUses: cacheUses as CacheUses, clock: clock as never };
    const sweep = createSizeSweep(ports, maxMib * MIB);
    return () => sweep(engine as ContainerEngine);
  };
  return { place, sweepOf };
}

describe('cache volumes that together exceed their limit', () => {
  let { place, sweepOf } = createPlace();
  beforeEach(() => {
    ({ place, sweepOf } = createPlace());
    const { volumes } = place;
    // Their order is not that of their last use.
    volumes.set('yesterday', { sizeMib: 30, lastMs: NOW_MS - 24 * HOUR_MS });
    volumes.set('last-year', { sizeMib: 10, lastMs: 0 });
    volumes.set('last-week', { sizeMib: 20, lastMs: NOW_MS - 168 * HOUR_MS });
    volumes.set('of-late', { sizeMib: 40, lastMs: NOW_MS - HOUR_MS / 2 });
  });

  const cases: readonly (readonly [maxMib: number, left: readonly string[], why: string])[] = [
    [100, ['yesterday', 'last-year', 'last-week', 'of-late'], 'they fit'],
    [99, ['yesterday', 'last-week', 'of-late'], 'the one that is unused for longest goes'],
    [75, ['yesterday', 'of-late'], 'as many as must go, the next one that is unused for longest'],
    [45, ['of-late'], 'all but those of the last hour'],
    [1, ['of-late'], 'a build may have asked for what was used within the last hour'],
    [0, ['yesterday', 'last-year', 'last-week', 'of-late'], 'no limit'],
  ];
  for (const [maxMib, left, why] of cases) {
    it(`shrink to ${maxMib} MiB: ${why}`, async () => {
      await sweepOf(maxMib)();
      assert.deepEqual([...place.volumes.keys()], left);
    });
  }

  it('are logged with name, age and size when they are removed, and so is the lack of more to remove', async () => {
    await sweepOf(35)();
    const texts = place.said.map(({ level, message, fields }) => [level, message, fields]);
    const removed = 'cache volume removed, the caches took too much room';
    assert.deepEqual(texts, [
      ['info', removed, { volume: 'last-year', unused_hours: 1_000, size_mib: 10 }],
      ['info', removed, { volume: 'last-week', unused_hours: 168, size_mib: 20 }],
      ['info', removed, { volume: 'yesterday', unused_hours: 24, size_mib: 30 }],
      [
        'warn',
        'the caches take more room than they may, what is left was used within the last hour',
        { size_mib: 40, limit_mib: 35 },
      ],
    ]);
  });

  it('are kept while a container has mounted them, and count nevertheless', async () => {
    const { volumes } = place;
    volumes.set('last-year', { sizeMib: 10, lastMs: 0, isMounted: true });
    await sweepOf(75)();
    assert.deepEqual([...volumes.keys()], ['last-year', 'of-late']);
  });

  it('are kept when a build takes them at this moment', async () => {
    const { volumes } = place;
    place.beforeRemoval = (name) => {
      const volume = volumes.get(name);
      if (name === 'last-year' && volume !== undefined) volume.lastMs = NOW_MS;
    };
    await sweepOf(80)();
    assert.deepEqual([...volumes.keys()], ['yesterday', 'last-year', 'of-late']);
  });

  it('are kept when their size is unknown', async () => {
    const { volumes } = place;
    volumes.set('last-year', { sizeMib: undefined, lastMs: 0 });
    await sweepOf(80)();
    assert.deepEqual([...volumes.keys()], ['yesterday', 'last-year', 'of-late']);
  });

  it('are measured at most once an hour, and only after a job has used one', async () => {
    const sweep = sweepOf(1_000);
    const expectAfter = async (ms: number, measurements: number): Promise<void> => {
      place.nowMs += ms;
      await sweep();
      assert.equal(place.measurements, measurements);
    };
    await expectAfter(0, 1);
    await expectAfter(HOUR_MS * 2, 1);
    place.volumes.get('yesterday')!.lastMs = place.nowMs;
    await expectAfter(0, 2);
    place.volumes.get('yesterday')!.lastMs = place.nowMs + 1;
    await expectAfter(HOUR_MS / 2, 2);
    await expectAfter(HOUR_MS / 2, 3);
  });

  it('are kept when Docker cannot measure them, and the log says so', async () => {
    place.fault = new Error('cannot measure volumes');
    await sweepOf(1)();
    assert.equal(place.volumes.size, 4);
    assert.deepEqual(
      place.warnings.map(({ message }) => message),
      ['cache volumes not checked for their size'],
    );
  });
});
