import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { createConfigSource } from '../adapters/config-file.ts';
import type { CommandContext } from './context.ts';
import { configOption } from './options.ts';

interface LintFlags {
  readonly config: string;
}

/** `lint`: reads the config file as `run` does; whatever `run` would complain of is a failure here. */
export function createLintCommand(context: CommandContext): Command {
  return new Command('lint')
    .description('Check the config file')
    .addOption(configOption())
    .action((flags: LintFlags) => lint(flags, context));
}

async function lint({ config: path }: LintFlags, context: CommandContext): Promise<void> {
  // `run` takes a missing file for an empty one.
  if (!existsSync(path)) throw new Error(`${path}: no such file: name one by --config`);
  const log = context.log();
  let warnings = 0;
  const counting = {
    ...log,
    warn: (...line: Parameters<typeof log.warn>) => {
      warnings += 1;
      log.warn(...line);
    },
  };
  const source = createConfigSource({ path, env: context.io.env, log: counting });
  const { runners } = await source.load();
  if (warnings > 0) {
    throw new Error(`${path}: ${warnings} to look at, see the warnings above`);
  }
  log.info('Config file is fine', { config: path, runners: runners.length });
}
