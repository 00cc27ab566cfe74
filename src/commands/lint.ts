import { existsSync } from 'node:fs';
import { Command } from 'commander';
import type { Log } from '../ports/index.ts';
import { createConfigSource } from '../adapters/config/config-file.ts';
import { readConfigFile } from '../adapters/config/read-config-file.ts';
import { volumeFault } from '../domain/build/mounts.ts';
import type { InstallationConfig } from '../domain/runner/config.ts';
import type { CommandContext } from './context.ts';
import { configOption, type ConfigFlags } from './options.ts';

const ONLY_WARNINGS = 2;

/**
 * `lint`: reads the config file as `run` does. Exits with 0, with 1 for faults, or with 2 for
 * warnings only.
 */
export function createLintCommand(context: CommandContext): Command {
  return new Command('lint')
    .description(
      'Check the config file; exits with 0 when it is fine, 1 for faults, 2 for warnings',
    )
    .addOption(configOption())
    .action((flags: ConfigFlags) => lint(flags, context));
}

async function lint({ config: path }: ConfigFlags, context: CommandContext): Promise<void> {
  // `run` treats a missing file like an empty one.
  if (!existsSync(path)) throw new Error(`${path}: no such file: name another one with --config`);
  const log = context.log();
  const counts = { faults: 0, warnings: 0 };
  const { text } = await readConfigFile(path);
  if (text.trim() === '')
    throw new Error(`${path}: the file is empty: \`register\` writes into it`);
  const source = createConfigSource({ path, env: context.io.env, log: counting(log, counts) });
  const loaded = await source.load();
  for (const fault of volumeFaults(loaded)) {
    counts.faults += 1;
    log.error('volume cannot be used', fault);
  }
  if (counts.faults > 0) throw new Error(`${path}: ${counts.faults} faults, see the lines above`);
  if (counts.warnings === 0) {
    return log.info('Config file is fine', { config: path, runners: loaded.runners.length });
  }
  context.setExitCode(ONLY_WARNINGS);
  log.warn('Config file can be used, see the warnings above', { config: path });
}

/**
 * Counts the messages. An entry that is not served is a fault. An entry with any other warning is
 * still served.
 */
function counting(log: Log, counts: { faults: number; warnings: number }): Log {
  return {
    ...log,
    warn: (message, fields) => {
      const isFault = message === 'runner skipped';
      counts[isFault ? 'faults' : 'warnings'] += 1;
      log[isFault ? 'error' : 'warn'](message, fields);
    },
  };
}

function volumeFaults({ runners }: InstallationConfig) {
  return runners.flatMap(({ name, docker }) =>
    docker.volumes.flatMap((volume) => {
      const reason = volumeFault(volume);
      return reason === undefined ? [] : [{ runner_name: name, reason }];
    }),
  );
}
