import { Command, Option } from 'commander';
import type { CommandContext } from './context.ts';
import { configOption } from './options.ts';

/** Settings of the node, which config.toml has no key for. */
const ENVIRONMENT = `
Environment:
  TEMPORAL_GITLAB_RUNNER_STATE_DIR   Directory of the node's state (default: beside the config file)
  TEMPORAL_GITLAB_RUNNER_NODE_WAIT   How long a build waits for its lost node (default: 5m)
  TEMPORAL_GITLAB_RUNNER_NAMES       Names of projects, jobs, refs in Temporal: clear, hashed or off (default: clear)
  TEMPORAL_GITLAB_RUNNER_CACHE_DAYS  Days without a job after which a cache volume goes, 0: never (default: 60)
  TEMPORAL_GITLAB_RUNNER_CACHE_SIZE  What cache volumes may take together, such as 50g, 0: no limit (default: 0)
  TEMPORAL_GITLAB_RUNNER_CODEC_ADDRESS
                                     Where to decode payloads for people: host:port, with
                                     TEMPORAL_GITLAB_RUNNER_CODEC_TOKEN_FILE or
                                     TEMPORAL_GITLAB_RUNNER_CODEC_OIDC_ISSUER, or off
  OTEL_EXPORTER_OTLP_ENDPOINT        Where traces of builds go (default: nowhere)
  TEMPORAL_ADDRESS                   Temporal server to use instead of an embedded one
`;

interface RunFlags {
  readonly config: string;
  readonly workingDirectory?: string;
  readonly user?: string;
  readonly listenAddress?: string;
  readonly syslog?: string;
}

/** `run`: the node itself, in the foreground. */
export function createRunCommand(context: CommandContext): Command {
  return new Command('run')
    .description('Run the runners of the config file: everything one node needs, in the foreground')
    .addOption(configOption())
    .option('-d, --working-directory <dir>', 'Change to this directory first')
    .addOption(new Option('-n, --service <name>', 'Name of the OS service (says nothing to us)'))
    .addOption(new Option('-u, --user <name>', 'Only the shell executor uses it').hideHelp())
    .addOption(
      new Option('--listen-address <address>', 'Of the metrics server, goes before the file').env(
        'LISTEN_ADDRESS',
      ),
    )
    .addOption(new Option('--syslog [bool]').hideHelp())
    .addHelpText('after', ENVIRONMENT)
    .action((flags: RunFlags) => run(flags, context));
}

async function run(flags: RunFlags, context: CommandContext): Promise<void> {
  const { level, format } = context.logSettings();
  const { user, syslog } = flags;
  const ignored = Object.entries({ user, syslog })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => `--${name}`);
  if (ignored.length > 0) {
    context.log().warn('options without effect', { options: ignored });
  }
  if (flags.workingDirectory !== undefined) changeDirectory(flags.workingDirectory);
  // Loaded here, because other commands do not need Temporal's native library.
  const { runWorker } = await import('../worker.ts');
  const exitCode = await runWorker({
    configPath: flags.config,
    log: context.log(),
    env: context.io.env,
    logLevel: level,
    logFormat: format,
    listenAddress: flags.listenAddress,
  });
  context.setExitCode(exitCode);
}

function changeDirectory(directory: string): void {
  try {
    process.chdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`--working-directory "${directory}" cannot be used: ${code ?? String(error)}`);
  }
}
