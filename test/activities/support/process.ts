import { once } from 'node:events';
import { createActivities, type Activities } from '../../../src/activities/index.ts';
import type {
  ContainerEngine,
  Coordinator,
  Log,
  Metrics,
  Ports,
} from '../../../src/ports/index.ts';
import { createFakeArchives } from './fake-archives.ts';
import type { BuildContext } from '../../../src/domain/context/context.ts';
import { judgeLease } from '../../../src/domain/build/lease.ts';
import { createFakeStore, createFakeSpool } from './fake-disk.ts';
import { createFakeEngine } from './fake-engine.ts';
import { createFakeCoordinator } from './fake-gitlab.ts';
import { NO_SESSIONS } from './no-sessions.ts';
import { tick, type World } from './world.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';

/**
 * When a process dies: before the n-th call of a port has any effect, or before the answer arrives.
 */
export interface Cut {
  readonly call: number;
  readonly when: 'before' | 'after';
}

export interface WorkerProcess {
  readonly activities: Activities;
  readonly ports: Ports;
  readonly died: Promise<'died'>;
  readonly calls: () => number;
  /** Names of the ports' functions that were called, in order. */
  readonly called: readonly string[];
}

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const UNCOUNTED: Metrics = {
  requestBegan: () => () => undefined,
  requestSkipped: () => undefined,
  apiAnswered: () => undefined,
  jobReceived: () => undefined,
  inputsInterpolated: () => undefined,
  jobRefused: () => undefined,
  stageBegan: () => () => undefined,
  jobEnded: () => undefined,
  jobReleased: () => undefined,
  stageReattached: () => undefined,
  buildRecovered: () => undefined,
  traceSent: () => undefined,
};

/** These functions return at once and have no effect outside of the process. */
const NOT_CUT = new Set([
  'nowMs',
  'monotonicMs',
  'hex',
  'md5Hex',
  'sha256Hex',
  'checksum',
  'sleep',
  'directory',
  'takePatchPermit',
]);

export interface ProcessOptions {
  readonly cut?: Cut;
  readonly ports?: Partial<Ports>;
  /** What Docker does differently. */
  readonly engine?: Partial<ContainerEngine>;
  /** What GitLab does differently. */
  readonly coordinator?: Partial<Coordinator>;
}

/** A pause is over at once. What takes longer is a limit, which never passes. */
const LONGEST_PAUSE_MS = 60_000;

async function sleepShortly(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms <= LONGEST_PAUSE_MS || signal === undefined) return tick();
  await once(signal, 'abort');
  signal.throwIfAborted();
}

/** A worker process in the world. After its death its calls have no effect and get no answer. */
export function openProcess(world: World, options: ProcessOptions = {}): WorkerProcess {
  const { cut, ports } = options;
  const called: string[] = [];
  let calls = 0;
  let hasDied = false;
  const isAlive = (): boolean => !hasDied;
  let tellDeath: (death: 'died') => void = () => undefined;
  const died = new Promise<'died'>((resolve) => {
    tellDeath = resolve;
  });
  const never = new Promise<never>(() => undefined);
  const die = (): Promise<never> => {
    hasDied = true;
    tellDeath('died');
    return never;
  };
  const gate = async (name: string, call: () => unknown): Promise<unknown> => {
    if (!isAlive()) return never;
    called.push(name);
    calls += 1;
    const isCut = cut?.call === calls;
    if (isCut && cut.when === 'before') return die();
    const answer = await call();
    if (!isAlive()) return never;
    return isCut ? die() : answer;
  };
  const gated = <T extends object>(port: T): T =>
    new Proxy(port, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function' || NOT_CUT.has(String(key))) return value;
        const call = value as (...args: readonly unknown[]) => unknown;
        return (...args: readonly unknown[]) =>
          gate(String(key), () => call.apply(target, [...args]));
      },
    });

  const spool = createFakeSpool(world, isAlive);
  const traces = {
    ...spool,
    open: async (...args: Parameters<typeof spool.open>) => gated(await spool.open(...args)),
  };
  const engine = gated({ ...createFakeEngine(world), ...options.engine });
  const coordinator = gated({ ...createFakeCoordinator(world), ...options.coordinator });
  let nonces = 0;
  const all: Ports = {
    config: {
      load: () => Promise.reject(new Error('no config here')),
      current: () => {
        throw new Error('no config here');
      },
      runner: () => undefined,
    },
    coordinator: () => coordinator,
    engine: () => engine,
    builds: gated(createFakeStore(world, isAlive)),
    archives: createFakeArchives(world),
    capacity: {
      acquire: () => Promise.reject(new Error('no capacity here')),
      isWithin: () => true,
      free: (buildId) => void world.freed.push(buildId),
    },
    hostFiles: {
      open: () => Promise.reject(new Error('no file here')),
      remove: () => Promise.resolve(),
    },
    cacheStore: () => undefined,
    cacheUses: {
      noteUse: () => Promise.resolve(),
      lastUseMs: () => Promise.resolve(0),
      removeUnlessUsed: () => Promise.reject(new Error('no caches are removed here')),
      forgetOthers: () => Promise.resolve(),
    },
    traces: gated(traces),
    sessions: NO_SESSIONS,
    secrets: { readSecret: () => Promise.reject(new Error('no secrets here')) },
    clock: { nowMs: () => 1_000_000, monotonicMs: () => 1_000_000, sleep: sleepShortly },
    // Not random, so that a reader can tell the scripts apart.
    randomness: { hex: () => `nonce-${world.started.length}${(nonces += 1)}` },
    log: SILENT,
    metrics: UNCOUNTED,
    program: contextOf().program,
    systemId: 's_0123456789ab',
    nodeQueue: 'node-queue',
    encryptedJobs: {
      encrypt: (context) => ({ sealedJob: btoa(JSON.stringify(context)), isWhole: true }),
      decrypt: (sealedJob) => JSON.parse(atob(sealedJob)) as BuildContext,
    },
    leases: {
      confirm: ({ adoption }) =>
        Promise.resolve(
          judgeLease(world.memo, { nodeQueue: 'node-queue', fencingToken: adoption?.term ?? 0 }),
        ),
    },
    temporalHealth: { isThere: () => Promise.resolve(true) },
    workflows: {
      cancel: () => Promise.reject(new Error('no workflow is canceled here')),
      signal: () => Promise.resolve(true),
    },
    visibility: { showsNames: true, hasAttributes: () => false },
    nodeWaitMs: 300_000,
    digests: { md5Hex: (text) => `md5-${text}`, sha256Hex: (text) => `sha256-${text}` },
    runningSha256: () => ({ add: () => undefined, hex: () => 'sha256' }),
    registryAuthFiles: () =>
      Promise.resolve([{ name: 'config.json', entries: [], problem: undefined }]),
    credentialPrograms: {
      list: () => Promise.resolve([]),
      get: () => Promise.resolve(undefined),
    },
    ...ports,
  };
  return { activities: createActivities(all), ports: all, died, calls: () => calls, called };
}
