import type { ConfigSource, Log } from '../activities/ports.ts';
import type { InstallationConfig } from '../domain/runner/config.ts';
import { readConfigFile } from './config/read-config-file.ts';
import { readConfig, type ReadConfig } from './config/read-config.ts';

export interface ConfigSourceOptions {
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

/** The config.toml of this node. Whatever is wrong in it is said once, not with every reload. */
export function createConfigSource({ path, env, log }: ConfigSourceOptions): ConfigSource {
  const told = new Set<string>();
  const warnOnce = (message: string, fields: Readonly<Record<string, unknown>>): void => {
    const once = JSON.stringify([message, fields]);
    if (told.has(once)) return;
    told.add(once);
    log.warn(message, fields);
  };
  let current = usableOf(readConfig({ text: '', path, env }));

  return {
    load: async () => {
      const { text, isOpenToAll } = await readConfigFile(path);
      const read = readConfig({ text, path, env });
      if (isOpenToAll)
        warnOnce('config file holds tokens and others may read it: chmod 600', { path });
      warnOfKeys(read, warnOnce);
      for (const { index, name, reason } of read.unusable) {
        warnOnce('runner skipped', { runner_name: name, entry: `runners[${index}]`, reason });
      }
      current = usableOf(read);
      return current;
    },
    current: () => current,
    runner: (key) => current.runners.find((runner) => runner.key === key),
  };
}

function warnOfKeys(
  { keys }: ReadConfig,
  warn: (message: string, fields: Readonly<Record<string, unknown>>) => void,
): void {
  const { unknown, notYet } = keys;
  if (unknown.length > 0) warn('config keys are unknown and have no effect', { keys: unknown });
  if (notYet.length > 0)
    warn('config keys are not supported yet and have no effect', { keys: notYet });
}

function usableOf({ config, unusable }: ReadConfig): InstallationConfig {
  const skipped = new Set(unusable.map(({ index }) => index));
  return { ...config, runners: config.runners.filter((_, index) => !skipped.has(index)) };
}
