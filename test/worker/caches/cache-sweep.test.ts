import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { RunnerConfig } from '../../../src/domain/runner/config.ts';
import type { CacheUses } from '../../../src/ports/cache-volumes.ts';
import type { ContainerEngine, Ports } from '../../../src/ports/index.ts';
import { createCacheSweep } from '../../../src/worker/caches/cache-sweep.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { recordingLog } from '../../support/recording-log.ts';

const DAY_MS = 24 * 3_600_000;
const NOW_MS = 1_000 * DAY_MS;
const MIB = 1024 * 1024;

type Daemon = Pick<ContainerEngine, 'listCacheVolumes' | 'measureVolumes' | 'removeIdleVolume'>;

describe('the sweep of cache volumes', () => {
  let volumes: Map<string, Set<string>>;
  let faults: Map<string, Error>;
  let forgotten: number;
  let recording: ReturnType<typeof recordingLog>;

  beforeEach(() => {
    volumes = new Map();
    faults = new Map();
    forgotten = 0;
    recording = recordingLog();
  });

  const createDaemon = (host: string): Daemon => {
    const names = volumes.get(host) ?? new Set();
    const failAs = (name: string): void => {
      const fault = faults.get(name);
      if (fault !== undefined) throw fault;
    };
    return {
      listCacheVolumes: async () => {
        failAs(host);
        return [...names].map((name) => ({ name, isMounted: false }));
      },
      measureVolumes: async () => new Map([...names].map((name) => [name, MIB])),
      removeIdleVolume: async (name) => {
        failAs(name);
        return names.delete(name);
      },
    };
  };
  const runnerAt = (host: string): RunnerConfig => {
    const { runner } = contextOf();
    return { ...runner, key: host, name: host, docker: { ...runner.docker, host } };
  };
  /** No job has used any of the volumes for a hundred days. */
  const sweep = async (limits: { maxIdleDays: number; maxBytes: number }): Promise<void> => {
    const cacheUses: Pick<CacheUses, 'lastUseMs' | 'removeUnlessUsed' | 'forgetOthers'> = {
      lastUseMs: async () => NOW_MS - 100 * DAY_MS,
      removeUnlessUsed: async (_volume, _sinceMs, remove) => remove(),
      forgetOthers: async () => void (forgotten += 1),
    };
    const runners = [...volumes.keys()].map(runnerAt);
    const ports = {
      log: recording.log,
      cacheUses: cacheUses as CacheUses,
      clock: { nowMs: () => NOW_MS, monotonicMs: () => NOW_MS } as never,
      config: { current: () => ({ runners }) } as unknown as Ports['config'],
      engine: ({ docker }: RunnerConfig) => createDaemon(docker.host ?? '') as ContainerEngine,
    };
    await createCacheSweep(ports, limits)();
  };
  const left = (): readonly string[] => [...volumes.values()].flatMap((names) => [...names]);
  const warnings = (): readonly unknown[] =>
    recording.warnings.map(({ message, fields }) => [message, fields]);

  it('reaches each daemon, and then forgets the volumes that are gone', async () => {
    volumes.set('one', new Set(['a'])).set('other', new Set(['b']));
    await sweep({ maxIdleDays: 60, maxBytes: 0 });
    assert.deepEqual([left(), forgotten, warnings()], [[], 1, []]);
  });

  it('goes on when a daemon does not answer, whose volumes it does not forget', async () => {
    volumes.set('off', new Set(['a'])).set('on', new Set(['b']));
    const error = new Error('Docker does not answer');
    faults.set('off', error);
    await sweep({ maxIdleDays: 60, maxBytes: 0 });
    assert.deepEqual([left(), forgotten], [['a'], 0]);
    assert.deepEqual(warnings(), [
      ['cache volumes not checked for their age', { runner: 'off', runner_name: 'off', error }],
    ]);
  });

  for (const [limits, why] of [
    [{ maxIdleDays: 60, maxBytes: 0 }, 'they are too old'],
    [{ maxIdleDays: 0, maxBytes: MIB }, 'they take too much room'],
  ] as const) {
    it(`goes on when a volume cannot be removed: ${why}`, async () => {
      volumes.set('one', new Set(['stubborn', 'a']));
      const error = new Error('device or resource busy');
      faults.set('stubborn', error);
      await sweep(limits);
      assert.deepEqual(left(), ['stubborn']);
      assert.deepEqual(warnings(), [
        ['cache volume not removed, tried again later', { volume: 'stubborn', error }],
      ]);
    });
  }
});
