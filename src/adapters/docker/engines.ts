import type { ContainerEngine } from '../../activities/ports.ts';
import type { RunnerConfig } from '../../domain/runner/config.ts';
import { createContainerEngine, type EngineOptions } from './engine.ts';

/**
 * The engine of each runner: one for all that use the same daemon in the same way, so that they
 * share their pulls.
 */
export function createContainerEngines(
  options: Omit<EngineOptions, 'docker'>,
): (runner: RunnerConfig) => ContainerEngine {
  const engines = new Map<string, ContainerEngine>();
  return ({ docker }) => {
    const { host, tlsCertPath, tlsVerify } = docker;
    const key = JSON.stringify([host, tlsCertPath, tlsVerify]);
    const engine = engines.get(key) ?? createContainerEngine({ ...options, docker });
    engines.set(key, engine);
    return engine;
  };
}
