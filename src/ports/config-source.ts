import type { InstallationConfig, RunnerConfig } from '../domain/runner/config.ts';

/** The config file of this node, as last read with success. */
export interface ConfigSource {
  /** Reads the file anew. Fails with InvalidConfig; the last good one stays in force then. */
  load(): Promise<InstallationConfig>;
  current(): InstallationConfig;
  /** The entry with this key, or undefined when it was removed. */
  runner(key: string): RunnerConfig | undefined;
}
