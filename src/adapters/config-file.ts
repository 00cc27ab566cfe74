import type { ConfigSource, Log } from '../activities/ports.ts';
import type { InstallationConfig, RunnerConfig } from '../domain/runner/config.ts';
import { readConfigFile } from './config/read-config-file.ts';
import { readConfig, type ReadConfig } from './config/read-config.ts';

export interface ConfigSourceOptions {
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

const KEPT = 'runner goes on with its last good settings';

/** The config.toml of this node. Whatever is wrong in it is said once, not with every reload. */
export function createConfigSource({ path, env, log }: ConfigSourceOptions): ConfigSource {
  const told = new Set<string>();
  const warnOnce = (message: string, fields: Readonly<Record<string, unknown>>): void => {
    const once = JSON.stringify([message, fields]);
    if (told.has(once)) return;
    told.add(once);
    log.warn(message, fields);
  };
  let current = readConfig({ text: '', path, env }).config;

  return {
    load: async () => {
      const { text, isOpenToAll } = await readConfigFile(path);
      const read = readConfig({ text, path, env });
      if (isOpenToAll)
        warnOnce('config file holds tokens and others may read it: chmod 600', { path });
      warnOfKeys(read, warnOnce);
      current = usableOf(read, current);
      for (const { index, name, reason, isFaulty } of read.unusable) {
        const key = read.config.runners[index]?.key;
        const isKept = isFaulty && current.runners.some((runner) => runner.key === key);
        const message = isKept ? KEPT : 'runner skipped';
        warnOnce(message, { runner_name: name, entry: `runners[${index}]`, reason });
      }
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
  const { unknown, notYet, noTables } = keys;
  if (unknown.length > 0) warn('config keys are unknown and have no effect', { keys: unknown });
  if (notYet.length > 0)
    warn('config keys are not supported yet and have no effect', { keys: notYet });
  if (noTables.length > 0) warn('config keys are no tables and have no effect', { keys: noTables });
}

/** An entry that has become faulty stays what it was, as the whole file does when it has. */
function usableOf(
  { config, unusable }: ReadConfig,
  before: InstallationConfig,
): InstallationConfig {
  const runners = config.runners.flatMap((runner, index) => {
    const fault = unusable.find((other) => other.index === index);
    if (fault === undefined) return [runner];
    const last = before.runners.find(({ key }) => key === runner.key);
    return fault.isFaulty && last !== undefined ? [last] : [];
  });
  return { ...config, runners: runners.filter(isFirstOfKey) };
}

function isFirstOfKey({ key }: RunnerConfig, index: number, all: readonly RunnerConfig[]): boolean {
  return all.findIndex((other) => other.key === key) === index;
}
