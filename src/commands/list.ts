import { readFile } from 'node:fs/promises';
import { Command } from 'commander';
import { shortToken } from '../domain/context/names.ts';
import { withoutCredentials } from '../domain/runner/api-url.ts';
import { withTemporal } from './builds.ts';
import type { CommandContext } from './context.ts';
import { restOf, seeNode } from './fleet.ts';
import { readInstalledRunners } from './installed.ts';
import { booleanOption, configOption } from './options.ts';

interface ListFlags {
  readonly config: string;
  readonly showTokens?: boolean;
}

/** `list`: prints one line for each runner, as gitlab-runner does, but without the whole token. */
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
  const rests = await readRests(config, context);
  for (const { key, name, executor, token, url } of runners) {
    const rest = rests.get(key);
    log.info(name, {
      ...{ Executor: executor, runner: shortToken(token), URL: withoutCredentials(url) },
      ...(rest !== undefined && { State: rest }),
    });
    if (showTokens) context.io.stdout.write(`${name}\t${token}\t${url}\n`);
  }
}

/** Reads why runners do not ask for jobs, by key. Empty when no node runs. */
async function readRests(
  config: string,
  context: CommandContext,
): Promise<ReadonlyMap<string, string | undefined>> {
  try {
    return await withTemporal(config, context, async (client, { installationFile }) => {
      const node = (await readFile(installationFile, 'utf8')).trim();
      const { fleet } = await seeNode(client, node);
      const runners = fleet?.settings.runners ?? [];
      return new Map(runners.map((one) => [one.key, fleet && restOf(fleet, one)]));
    });
  } catch (error) {
    context.log().debug('no node was asked whether it is drained', { error });
    return new Map();
  }
}
