import { Command } from 'commander';
import { shortToken } from '../domain/runner/names.ts';
import type { CommandContext } from './context.ts';
import { readInstalledRunners } from './installed.ts';
import { booleanOption, configOption } from './options.ts';

interface ListFlags {
  readonly config: string;
  readonly showTokens?: boolean;
}

/** `list`: one line for each runner, as gitlab-runner prints it, but without the whole token. */
export function createListCommand(context: CommandContext): Command {
  return new Command('list')
    .description('List all configured runners')
    .addOption(configOption())
    .addOption(booleanOption('--show-tokens', 'Print whole tokens to standard output'))
    .action((flags: ListFlags) => list(flags, context));
}

async function list({ config, showTokens }: ListFlags, context: CommandContext): Promise<void> {
  const runners = await readInstalledRunners(config, context);
  const log = context.log();
  log.info('Listing configured runners', { ConfigFile: config });
  for (const { name, executor, token, url } of runners) {
    log.info(name, { Executor: executor, runner: shortToken(token), URL: url });
    if (showTokens) context.io.stdout.write(`${name}\t${token}\t${url}\n`);
  }
}
