import type { InstallationConfig, RunnerConfig } from '../domain/runner/config.ts';

/** The config file of this node, as it was last read without an error. */
export interface ConfigSource {
  /**
   * Reads the file again. Throws InvalidConfig; the last good configuration then stays in force.
   */
  load(): Promise<InstallationConfig>;
  current(): InstallationConfig;
  /** Returns the entry with this key, or undefined when it was removed. */
  runner(key: string): RunnerConfig | undefined;
}
