import type { ContainerEngine, Log } from '../../ports/index.ts';
import { createCacheVolumes } from './cache-volumes.ts';
import { createContainers } from './containers.ts';
import { createDaemon } from './daemon.ts';
import { resolveDaemonAddress, type DaemonConfig, type Environment } from './daemon-address.ts';
import type { EngineParts } from './engine-parts.ts';
import { createFiles } from './files.ts';
import { createImages } from './pulling.ts';
import { createResources } from './resources.ts';
import { DEFAULT_TIMING, type EngineTiming } from './timing.ts';
import { createServices } from './services.ts';
import { createStdin } from './stdin.ts';
import { createTerminals } from './terminals.ts';
import { createKeyedMutex, type KeyedMutex } from '../host/keyed-mutex.ts';
import { createWaiting } from './waiting.ts';

export interface EngineOptions {
  readonly docker: DaemonConfig;
  readonly env: Environment;
  readonly log: Log;
  /** Marks everything that is created, so that two installations can share a daemon. */
  readonly installation: string;
  readonly timing?: Partial<EngineTiming>;
  /** Shared by all engines of the same daemon, whatever its address. */
  readonly withLocks?: KeyedMutex;
}

/**
 * Creates Docker for the activities. It connects at the first call. Throws InvalidConfig when the
 * host or its certificates are unusable.
 */
export function createContainerEngine(options: EngineOptions): ContainerEngine {
  const timing = { ...DEFAULT_TIMING, ...options.timing };
  const parts: EngineParts = {
    daemon: createDaemon(resolveDaemonAddress(options.docker, options.env), timing),
    timing,
    installation: options.installation,
    log: options.log,
    withLocks: options.withLocks ?? createKeyedMutex(),
  };
  return {
    ...createResources(parts),
    ...createCacheVolumes(parts),
    ...createImages(parts),
    ...createContainers(parts),
    ...createFiles(parts),
    ...createServices(parts),
    ...createStdin(parts),
    ...createTerminals(parts),
    ...createWaiting(parts),
  };
}
