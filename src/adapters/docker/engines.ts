import type { ContainerEngine } from '../../ports/index.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import { createContainerEngine, type EngineOptions } from './engine.ts';
import { createKeyedMutex } from '../host/keyed-mutex.ts';

/**
 * Creates the engine of each runner. Runners that use the same daemon in the same way share one
 * engine and its pulls.
 */
export function createContainerEngines(
  options: Omit<EngineOptions, 'docker' | 'withLocks'>,
): (runner: RunnerConfig) => ContainerEngine {
  const engines = new Map<string, ContainerEngine>();
  // All engines share the locks, because two addresses may lead to one daemon.
  const withLocks = createKeyedMutex();
  return ({ docker }) => {
    const { host, tlsCertPath, tlsVerify } = docker;
    const key = JSON.stringify([host, tlsCertPath, tlsVerify]);
    const engine = engines.get(key) ?? createContainerEngine({ ...options, docker, withLocks });
    engines.set(key, engine);
    return engine;
  };
}
