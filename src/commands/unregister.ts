import { Command, Option } from 'commander';
import { readSystemId } from '../adapters/state/system-id.ts';
import type { RunnerConfig } from '../domain/runner/config.ts';
import type { CommandContext } from './context.ts';
import { askGitLab, readInstalledRunners } from './installed.ts';
import { booleanOption, configOption } from './options.ts';
import { removeFromConfig } from './remove.ts';
import { unregisterToken } from './tokens.ts';

interface UnregisterFlags {
  readonly config: string;
  readonly name?: string;
  readonly url?: string;
  readonly token?: string;
  readonly allRunners?: boolean;
}

/**
 * `unregister`: removes runners from GitLab, then from the config file. The file keeps runners that
 * GitLab did not remove.
 */
export function createUnregisterCommand(context: CommandContext): Command {
  return new Command('unregister')
    .description('Unregister specific runners')
    .addOption(configOption())
    .option('-n, --name <name>', 'Name of the runner to unregister')
    .addOption(new Option('-u, --url <url>', 'GitLab instance URL').env('CI_SERVER_URL'))
    .addOption(new Option('-t, --token <token>', 'Runner token').env('CI_SERVER_TOKEN'))
    .addOption(booleanOption('--all-runners', 'Unregister all runners'))
    .action((flags: UnregisterFlags) => unregister(flags, context));
}

async function unregister(flags: UnregisterFlags, context: CommandContext): Promise<void> {
  const configPath = flags.config;
  const runners = await readInstalledRunners(configPath, context);
  const chosen = choose(runners, flags);
  const systemId = await readSystemId({ configPath, log: context.log() });
  const gone = new Set<string>();
  for (const runner of chosen) {
    const { kind } = await askGitLab(runner, { context, configPath }, (client) =>
      unregisterToken({
        client,
        token: runner.token,
        url: runner.url,
        systemId,
        log: context.log(),
      }),
    );
    if (kind === 'unregistered') gone.add(runner.key);
  }
  if (gone.size > 0) await removeFromConfig(configPath, gone, context);
  if (gone.size < chosen.length) {
    throw new Error(`Failed to unregister runners: they stay in ${configPath}, see above`);
  }
}

function choose(
  runners: readonly RunnerConfig[],
  { allRunners, ...flags }: UnregisterFlags,
): readonly RunnerConfig[] {
  if (allRunners) return runners;
  // An empty environment variable counts as unset.
  const [name, token] = [flags.name || undefined, flags.token || undefined];
  if (name === undefined && token === undefined) {
    throw new Error('at least one of --name or --token must be specified');
  }
  const found = runners.find(
    (runner) => (name ?? runner.name) === runner.name && (token ?? runner.token) === runner.token,
  );
  if (found === undefined) {
    throw new Error(
      `no runner of this name and token in ${flags.config}: "list" shows which there are`,
    );
  }
  return [found];
}
