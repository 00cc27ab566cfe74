import { Command } from 'commander';
import { readSystemId } from '../adapters/state/system-id.ts';
import type { RunnerConfig } from '../domain/runner/config.ts';
import type { CommandContext } from './context.ts';
import { askGitLab, readInstalledRunners } from './installed.ts';
import { booleanOption, configOption } from './options.ts';
import { removeFromConfig } from './remove.ts';
import { verifyToken } from './tokens.ts';

interface VerifyFlags {
  readonly config: string;
  readonly name?: string;
  readonly url?: string;
  readonly token?: string;
  readonly delete?: boolean;
}

/**
 * `verify`: asks GitLab about each runner. The selection never comes from the environment, because
 * a stray CI_SERVER_TOKEN must not hide the other runners.
 */
export function createVerifyCommand(context: CommandContext): Command {
  return new Command('verify')
    .description('Verify all registered runners')
    .addOption(configOption())
    .option('-n, --name <name>', 'Name of the runner to verify')
    .option('-u, --url <url>', 'GitLab instance URL')
    .option('-t, --token <token>', 'Runner token')
    .addOption(booleanOption('--delete', 'Delete runners that GitLab does not know any more'))
    .action((flags: VerifyFlags) => verify(flags, context));
}

async function verify(flags: VerifyFlags, context: CommandContext): Promise<void> {
  const configPath = flags.config;
  const runners = await readInstalledRunners(configPath, context);
  const chosen = runners.filter((runner) => isChosen(runner, flags));
  if (chosen.length === 0 && hasFilter(flags)) {
    throw new Error(
      `no runner matches the filtering parameters: "list" shows those of ${configPath}`,
    );
  }
  const { gone, isAnyUnknown } = await verifyAll(chosen, { context, configPath });
  if (flags.delete && gone.size > 0) await removeFromConfig(configPath, gone, context);
  // An outage is neither a reason to forget a runner, nor to call it verified.
  if (isAnyUnknown) {
    throw new Error(
      'Failed to verify runners: GitLab did not answer about some of them, try again later',
    );
  }
  if (gone.size > 0 && !flags.delete) {
    throw new Error('Failed to verify runners: register the invalid ones again, or use --delete');
  }
}

/** Verifies the runners. `gone` contains the keys of those that GitLab does not know. */
async function verifyAll(
  runners: readonly RunnerConfig[],
  { context, configPath }: { readonly context: CommandContext; readonly configPath: string },
): Promise<{ readonly gone: ReadonlySet<string>; readonly isAnyUnknown: boolean }> {
  const log = context.log();
  const systemId = await readSystemId({ configPath, log });
  const gone = new Set<string>();
  let isAnyUnknown = false;
  for (const runner of runners) {
    const { kind } = await askGitLab(runner, { context, configPath }, (client) =>
      verifyToken({ client, token: runner.token, url: runner.url, systemId, log }),
    );
    if (kind === 'invalid' || kind === 'orphaned') gone.add(runner.key);
    if (kind === 'unknown') isAnyUnknown = true;
  }
  return { gone, isAnyUnknown };
}

function hasFilter({ name, url, token }: VerifyFlags): boolean {
  return [name, url, token].some((filter) => filter !== undefined);
}

/** Whether the runner matches by name, or by url and token. Either may be left out. */
function isChosen(runner: RunnerConfig, flags: VerifyFlags): boolean {
  if (!hasFilter(flags)) return true;
  if (flags.name !== undefined && runner.name === flags.name) return true;
  const { url, token } = flags;
  if (url === undefined && token === undefined) return false;
  return (url ?? runner.url) === runner.url && (token ?? runner.token) === runner.token;
}
