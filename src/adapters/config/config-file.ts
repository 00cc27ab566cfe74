import type { ConfigSource, Log } from '../../ports/index.ts';
import type { InstallationConfig, RunnerConfig } from '../../domain/runner/config.ts';
import { readConfigFile } from './read-config-file.ts';
import { readConfig, type ReadConfig } from './read-config.ts';
import { createReloadLog } from './log-reload.ts';

export interface ConfigSourceOptions {
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Log;
}

const KEPT = 'runner goes on with its last good settings';
const MENDED = 'runner is good again, its settings are in force';

/**
 * Reads the config.toml of this node. Each fault is logged once and not at every reload. Changes of
 * a reload are logged key by key. When the file is deleted, the last settings stay.
 */
export function createConfigSource({ path, env, log }: ConfigSourceOptions): ConfigSource {
  const warnings = createWarnings(log);
  const reloadLog = createReloadLog(path, log);
  let current = readConfig({ text: '', path, env }).config;
  let wasThere = false;
  let kept: readonly RunnerConfig[] = [];

  const read = async (): Promise<InstallationConfig | undefined> => {
    const { text, isOpenToAll, isMissing } = await readConfigFile(path);
    if (isMissing && wasThere) return undefined;
    const found = readConfig({ text, path, env });
    wasThere = !isMissing;
    const usable = usableOf(found, current);
    const warningRun = warnings.begin();
    if (isOpenToAll)
      warningRun.warn('config file holds tokens and others may read it: chmod 600', { path });
    warnOfKeys(found, warningRun.warn);
    warnOfEntries(found, usable, warningRun.warn);
    warningRun.end();
    for (const { key, name } of kept) {
      if (isSound(found, key)) log.info(MENDED, { runner: key, runner_name: name });
    }
    kept = usable.runners.filter(({ key }) => !isSound(found, key));
    return usable;
  };

  return {
    load: async () => {
      const loaded = await read().catch((error: unknown) => {
        reloadLog.noteBroken();
        throw error;
      });
      if (loaded === undefined) reloadLog.logGone();
      else reloadLog.logGood(current, loaded);
      current = loaded ?? current;
      return current;
    },
    current: () => current,
    runner: (key) => current.runners.find((runner) => runner.key === key),
  };
}

/** Whether a usable entry has this key. */
function isSound({ config, unusable }: ReadConfig, key: string): boolean {
  return config.runners.some(
    (runner, index) => runner.key === key && unusable.every((other) => other.index !== index),
  );
}

type Warn = (message: string, fields: Readonly<Record<string, unknown>>) => void;

/**
 * Creates a log of faults that warns once about each, and again when it was fixed and comes back.
 */
function createWarnings(log: Log) {
  let last: ReadonlySet<string> = new Set();
  return {
    begin: () => {
      const warningRun = new Set<string>();
      const warn: Warn = (message, fields) => {
        const once = JSON.stringify([message, fields]);
        if (!last.has(once) && !warningRun.has(once)) log.warn(message, fields);
        warningRun.add(once);
      };
      return { warn, end: () => (last = warningRun) };
    },
  };
}

function warnOfEntries(found: ReadConfig, { runners }: InstallationConfig, warn: Warn): void {
  for (const { index, name, reason, isFaulty } of found.unusable) {
    const key = found.config.runners[index]?.key ?? '';
    const isKept = isFaulty && !isSound(found, key) && runners.some((runner) => runner.key === key);
    const message = isKept ? KEPT : 'runner skipped';
    warn(message, { runner_name: name, entry: `runners[${index}]`, reason });
  }
}

function warnOfKeys({ keys }: ReadConfig, warn: Warn): void {
  const { unknown, notYet, noTables } = keys;
  if (unknown.length > 0) warn('config keys are unknown and have no effect', { keys: unknown });
  if (notYet.length > 0)
    warn('config keys are not supported yet and have no effect', { keys: notYet });
  if (noTables.length > 0) warn('config keys are no tables and have no effect', { keys: noTables });
}

/**
 * Keeps the previous version of an entry that has become faulty, just as a faulty file keeps the
 * previous configuration. An entry with the same token that is usable takes its place.
 */
function usableOf(found: ReadConfig, before: InstallationConfig): InstallationConfig {
  const { config, unusable } = found;
  const runners = config.runners.flatMap((runner, index) => {
    const fault = unusable.find((other) => other.index === index);
    if (fault === undefined) return [runner];
    if (!fault.isFaulty || isSound(found, runner.key)) return [];
    return before.runners.find(({ key }) => key === runner.key) ?? [];
  });
  return { ...config, runners: runners.filter(isFirstOfKey) };
}

function isFirstOfKey({ key }: RunnerConfig, index: number, all: readonly RunnerConfig[]): boolean {
  return all.findIndex((other) => other.key === key) === index;
}
