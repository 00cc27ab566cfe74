import type { Command } from 'commander';
import { appendRunner } from '../adapters/config/edit-runners.ts';
import { editConfigFile } from '../adapters/config/save-config.ts';
import { readSystemId } from '../adapters/state/system-id.ts';
import type { CommandContext } from './context.ts';
import { readEntryOptions, type GivenEntry } from './entry-options.ts';
import { askGitLab, readInstalled } from './installed.ts';
import { interruptible, listenForInterruption, type Interruption } from './interruption.ts';
import { createPrompter, silentPrompter } from './prompter.ts';
import { buildEntry, checkEntry, fillFromTemplate } from './register-entry.ts';
import { identify, type Identity, type Registering } from './register-identity.ts';
import { describeRegister, type RegisterFlags } from './register-options.ts';
import { unregisterToken } from './tokens.ts';

/** `register`: registers this machine with GitLab, and writes the runner to the config file. */
export function createRegisterCommand(context: CommandContext): Command {
  const command = describeRegister();
  return command.action((flags: RegisterFlags) =>
    register(flags, { given: readEntryOptions(command), context }),
  );
}

async function register(
  options: RegisterFlags,
  { given, context }: { readonly given: GivenEntry; readonly context: CommandContext },
): Promise<void> {
  const log = context.log();
  if (options.templateConfig) {
    log.info(`Merging configuration from template file ${options.templateConfig}`);
  }
  const entry = await fillFromTemplate(given, options.templateConfig);
  checkEntry(entry);
  const flags = fillFlags(options, entry);
  const config = await readInstalled(flags.config, context);
  const systemId = await readSystemId({ configPath: flags.config, log });
  const interruption = listenForInterruption();
  const prompter = interruptible(
    flags.nonInteractive ? silentPrompter : createPrompter(context.io),
    interruption,
  );
  try {
    const tls = readTls(entry);
    await perform({ flags, tls, config, systemId, prompter, context }, { entry, interruption });
  } finally {
    prompter.close();
    interruption.close();
  }
  warnOfLimits(entry, { concurrent: config.concurrent, context });
  log.info(
    'Runner registered successfully. Feel free to start it, ' +
      "but if it's running already the config should be automatically reloaded!",
  );
  log.info(`Configuration (with the authentication token) was saved in "${flags.config}"`);
}

/**
 * Does everything from the first question to the saved file. A new runner is unregistered when a
 * step fails.
 */
async function perform(
  registering: Registering,
  { entry, interruption }: { readonly entry: GivenEntry; readonly interruption: Interruption },
): Promise<void> {
  const { flags } = registering;
  const identity = await identify(registering);
  try {
    interruption.throwIfRaised();
    const executor = await askExecutor(registering);
    const image = await registering.prompter.ask({
      option: 'docker-image',
      prompt: 'Enter the default Docker image (for example, ruby:3.3):',
      given: textOf(entry.docker['image']),
    });
    const runner = buildEntry({ identity, given: entry, executor, image, now: new Date() });
    await editConfigFile(flags.config, (text) => appendRunner(text, runner));
  } catch (error) {
    if (identity.isNew && !flags.leaveRunner) await takeBack(registering, identity);
    throw error;
  }
}

async function askExecutor({ flags, prompter, context }: Registering): Promise<string> {
  let given = flags.executor ?? '';
  for (;;) {
    const prompt = 'Enter an executor: docker:';
    const executor = await prompter.ask({ option: 'executor', prompt, given });
    if (executor === 'docker') return executor;
    const message = `Invalid executor specified: "${executor}", only "docker" is supported`;
    if (flags.nonInteractive) throw new Error(message);
    context.log().error(message);
    given = '';
  }
}

async function takeBack({ tls, flags, context, systemId }: Registering, identity: Identity) {
  const { url, token } = identity;
  await askGitLab({ ...tls, url }, { context, configPath: flags.config }, (client) =>
    unregisterToken({ client, token, url, systemId, log: context.log() }),
  );
}

/** Completes the flags, because a template may answer the questions too. */
function fillFlags(flags: RegisterFlags, { runner }: GivenEntry): RegisterFlags {
  return {
    ...flags,
    url: flags.url || textOf(runner['url']),
    name: flags.name || textOf(runner['name']),
    executor: flags.executor || textOf(runner['executor']),
  };
}

function readTls({ runner }: GivenEntry): Registering['tls'] {
  return {
    tlsCaFile: textOf(runner['tls-ca-file']) || undefined,
    tlsCertFile: textOf(runner['tls-cert-file']) || undefined,
    tlsKeyFile: textOf(runner['tls-key-file']) || undefined,
  };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function warnOfLimits(
  { runner }: GivenEntry,
  { concurrent, context }: { readonly concurrent: number; readonly context: CommandContext },
): void {
  const limits = { limit: runner['limit'], request_concurrency: runner['request_concurrency'] };
  for (const [key, value] of Object.entries(limits)) {
    if (typeof value !== 'number' || value <= concurrent) continue;
    context
      .log()
      .warn(`"${key}" is larger than "concurrent" of the config file, which takes precedence`, {
        [key]: value,
        concurrent,
      });
  }
}
