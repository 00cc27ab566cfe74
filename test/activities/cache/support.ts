import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import type { CacheConfig } from '../../../src/domain/runner/cache-config.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import type { CacheReply, CacheStore, CacheUpload } from '../../../src/ports/cache-store.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { createFakeFileSystem, type FakeFileSystem } from '../support/fake-files.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, type FakeScript } from '../support/world.ts';

export const PROJECT = '/builds/group/app';
export const CACHE = '/cache/group/app';
/** Name in the store of the object of a key. */
export const objectOf = (key: string): string => `runner/AbCdEfGhI/project/42/${key}`;

/** A store in memory. */
export interface FakeStore extends CacheStore {
  readonly objects: Map<string, { readonly text: string; readonly modifiedMs: number }>;
  readonly uploads: { readonly object: string; readonly metadata: CacheUpload['metadata'] }[];
  /** Thrown by the next calls, one after the other. */
  readonly faults: Error[];
  /** Number of calls. */
  calls: number;
}

export const STORE_IS_AWAY = (): Error => new TransientError('connect ECONNREFUSED');

function createFakeStore({ node }: FakeFileSystem): FakeStore {
  const objects: FakeStore['objects'] = new Map();
  const begin = (): void => {
    store.calls += 1;
    const fault = store.faults.shift();
    if (fault !== undefined) throw fault;
  };
  const store: FakeStore = {
    ...{ objects, uploads: [], faults: [], calls: 0 },
    download: async (object, { file, localModifiedMs = 0 }): Promise<CacheReply> => {
      await Promise.resolve();
      begin();
      const found = objects.get(object);
      if (found === undefined) return { kind: 'missing' };
      if (found.modifiedMs <= localModifiedMs) return { kind: 'up_to_date' };
      node.set(file, found.text);
      const address = `https://store.example.com/${object}`;
      return { kind: 'downloaded', modifiedMs: found.modifiedMs, address };
    },
    upload: async (object, { file, modifiedMs, metadata }) => {
      await Promise.resolve();
      begin();
      objects.set(object, { text: node.get(file) ?? '', modifiedMs });
      store.uploads.push({ object, metadata });
    },
    has: async (object) => {
      await Promise.resolve();
      begin();
      return objects.has(object);
    },
  };
  return store;
}

export interface CacheStageOptions {
  readonly cache: Readonly<Record<string, unknown>>;
  readonly variables?: Readonly<Record<string, string>>;
  /** undefined: the runner has no store. */
  readonly runnerCache?: Partial<CacheConfig>;
  /** What the helper's first script does. */
  readonly helper?: FakeScript;
  /** How often a person or Temporal makes the build run the stage. The default is once. */
  readonly attempts?: number;
  readonly stage?: 'restore_cache' | 'archive_cache' | 'archive_cache_on_failure';
}

export interface CacheStage {
  readonly files: FakeFileSystem;
  readonly store: FakeStore;
  /** Runs the stage of a new build; the files and the store stay the same. */
  run(options: CacheStageOptions): Promise<StageOutcome>;
  /** The trace of the last run. */
  trace(): string;
}

export function openCacheStage(): CacheStage {
  const files = createFakeFileSystem();
  const store = createFakeStore(files);
  let trace = '';
  return {
    ...{ files, store },
    trace: () => trace,
    run: async ({ cache, variables = {}, runnerCache, helper = {}, ...options }) => {
      const { stage = 'restore_cache', attempts = 1 } = options;
      const context = contextOf({
        job: {
          cache: [{ key: 'deps', paths: ['deps/'], policy: 'pull-push', ...cache }],
          variables: Object.entries(variables).map(([key, value]) => ({ key, value })),
        },
        ...(runnerCache && { runner: { cache: { ...STORE, ...runnerCache } as CacheConfig } }),
      });
      const { buildId } = context;
      const world = createWorld(context, { scripts: { 'helper#1': helper } });
      const ports = {
        ...{ archives: files.archives, hostFiles: files.hostFiles },
        cacheStore: () => (runnerCache === undefined ? undefined : store),
      };
      const { node } = openProcess(world, { ports, engine: files.engine }).activities;
      await runActivity(() => node.prepareEnvironment({ buildId }));
      const planned = { name: stage, place: 'transfer', attempts: 1 } as const;
      const request = { stage: planned, jobStatus: 'running' } as const;
      const runStage = (attempt: number): Promise<StageOutcome> =>
        runActivity(() => node.runStage({ buildId }, { ...request, attempt }));
      let outcome = await runStage(1);
      for (let attempt = 2; attempt <= attempts; attempt += 1) outcome = await runStage(attempt);
      trace = world.spool.saved.text;
      return outcome;
    },
  };
}

const STORE = { type: 's3', path: '', isShared: false, maxUploadedArchiveSizeBytes: 0 };
