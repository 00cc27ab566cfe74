import { Command, Option } from 'commander';
import type { CommandContext } from './context.ts';
import { configOption } from './options.ts';
import { errorCode } from '../adapters/host/error-code.ts';

/** Describes the settings of the node that have no key in config.toml. */
const ENVIRONMENT = `
Environment:
  TEMPORAL_GITLAB_RUNNER_STATE_DIR   Directory of the node's state (default: beside the config file)
  TEMPORAL_GITLAB_RUNNER_NODE_WAIT   How long a build waits for its lost node (default: 5m)
  TEMPORAL_GITLAB_RUNNER_NAMES       Names of projects, jobs, refs in Temporal: clear, hashed or off (default: clear)
  TEMPORAL_GITLAB_RUNNER_CACHE_DAYS  Days without a job before a cache volume is removed, 0: never (default: 60)
  TEMPORAL_GITLAB_RUNNER_CACHE_SIZE  Total size of cache volumes, such as 50g, 0: no limit (default: 0)
  TEMPORAL_GITLAB_RUNNER_CODEC_ADDRESS
                                     Address of the codec server: host:port, with
                                     TEMPORAL_GITLAB_RUNNER_CODEC_TOKEN_FILE or
                                     TEMPORAL_GITLAB_RUNNER_CODEC_OIDC_ISSUER, or off
  OTEL_EXPORTER_OTLP_ENDPOINT        Where traces of builds are sent (default: nowhere)
  VAULT_CACERT                       Certificate authority of the Vault that holds secrets of jobs
  TEMPORAL_ADDRESS                   Temporal server to use instead of an embedded one
`;

interface RunFlags {
  readonly config: string;
  readonly workingDirectory?: string;
  readonly user?: string;
  readonly listenAddress?: string;
  readonly syslog?: string;
}

/** `run`: runs the node itself, in the foreground. */
export function createRunCommand(context: CommandContext): Command {
  return new Command('run')
    .description('Run one node in the foreground, with all runners of the config file')
    .addOption(configOption())
    .option('-d, --working-directory <dir>', 'Change to this directory first')
    .addOption(new Option('-n, --service <name>', 'Name of the OS service (ignored)'))
    .addOption(new Option('-u, --user <name>', 'Only the shell executor uses it').hideHelp())
    .addOption(
      new Option(
        '--listen-address <address>',
        'Address of the metrics server; overrides the config file',
      ).env('LISTEN_ADDRESS'),
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
  // Loaded only here, because other commands do not need Temporal's native library.
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
    const code = errorCode(error);
    throw new Error(`--working-directory "${directory}" cannot be used: ${code ?? String(error)}`);
  }
}
