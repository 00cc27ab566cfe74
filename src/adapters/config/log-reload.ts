import type { Log } from '../../ports/index.ts';
import { diffConfigs, type ConfigChange } from '../../domain/runner/config-diff.ts';
import type { InstallationConfig } from '../../domain/runner/config.ts';

/** Logs what a reload of config.toml has changed. The first reading logs nothing. */
export interface ReloadLog {
  /** Logs once that the file is gone, until it is good again. */
  logGone(): void;
  /** Records that the file is unreadable. The caller logs the reason. */
  noteBroken(): void;
  logGood(before: InstallationConfig, after: InstallationConfig): void;
}

const MESSAGES = {
  added: 'config reloaded: runner added',
  removed: 'config reloaded: runner removed',
  changed: 'config reloaded: runner changed',
} as const;

export function createReloadLog(path: string, log: Log): ReloadLog {
  let last: 'unread' | 'good' | 'gone' | 'broken' = 'unread';
  return {
    logGone: () => {
      if (last !== 'gone')
        log.warn('config file is gone, its last good settings stay in force', { path });
      last = 'gone';
    },
    noteBroken: () => {
      last = 'broken';
    },
    logGood: (before, after) => {
      if (last === 'gone' || last === 'broken')
        log.info('config file is good again, its settings are in force', { path });
      if (last !== 'unread') logChanges(log, before, after);
      last = 'good';
    },
  };
}

function logChanges(log: Log, before: InstallationConfig, after: InstallationConfig): void {
  const { changes, runners } = diffConfigs(before, after);
  if (changes.length > 0)
    log.info('config reloaded: settings changed', { changes: format(changes) });
  for (const { kind, key, name, changes } of runners) {
    const entry = { runner: key, runner_name: name };
    log.info(MESSAGES[kind], kind === 'changed' ? { ...entry, changes: format(changes) } : entry);
  }
  if (changes.length + runners.length === 0) log.debug('config reloaded: nothing changed');
}

function format(changes: readonly ConfigChange[]): readonly string[] {
  return changes.map(({ key, values }) =>
    values === undefined ? `${key}: changed` : `${key}: ${values.before} → ${values.after}`,
  );
}
