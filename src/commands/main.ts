import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { createLog, type AdjustableLog } from '../adapters/log/log.ts';
import { peekLogSettings, type LogKeys } from '../adapters/config/peek-log-settings.ts';
import { LOG_FORMATS, LOG_LEVELS, logLevelOf } from '../adapters/config/log-choices.ts';
import { errorMessage } from '../domain/error-message.ts';
import { describeProgram } from '../worker/machine/program.ts';
import { releaseSignals } from '../worker/shutdown.ts';
import { loadCommands } from './command-list.ts';
import type { CommandContext, CommandIo, LogSettings } from './context.ts';
import { booleanOption, forgetEmptyVariables, joinBooleanValues } from './options.ts';
import { realPorts, type CommandPorts } from './ports.ts';
import { describeVersion } from './version.ts';

const FAILED = 1;
const WRONG_USAGE = 2;

interface GlobalFlags {
  readonly debug?: boolean;
  readonly logLevel?: string;
  readonly logFormat?: string;
}

/** Runs one command to its end and returns the exit code: 0, 1 for a failure, 2 for wrong usage. */
export async function runCli(
  args: readonly string[],
  io: CommandIo,
  ports: CommandPorts = realPorts,
): Promise<number> {
  const root = new Command();
  let exitCode = 0;
  let preset: LogKeys = { level: undefined, format: undefined };
  const context = createContext(root, io, {
    ports,
    preset: () => preset,
    setExitCode: (code) => {
      exitCode = code;
    },
  });
  describeRoot(root, context, {
    commands: await loadCommands(args, context),
    preset: (keys) => {
      preset = keys;
    },
  });
  try {
    await root.parseAsync(joinBooleanValues(root, args), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
    // The message alone is shown. The debug level adds the error with its stack.
    const fields = context.logSettings().level === 'debug' ? { error } : {};
    context.log().fatal(errorMessage(error), fields);
    return FAILED;
  }
}

interface RootParts {
  readonly commands: readonly Command[];
  /** Receives the log settings of a node's config file. */
  preset(keys: LogKeys): void;
}

function describeRoot(root: Command, context: CommandContext, parts: RootParts): void {
  const { commands, preset } = parts;
  const { stdout, stderr } = context.io;
  root
    .name(context.program.name)
    .description('A GitLab runner whose every job is a durable Temporal workflow')
    .version(describeVersion(context.program), '-v, --version', 'Print the version')
    .addOption(booleanOption('--debug', 'Debug mode').env('RUNNER_DEBUG'))
    .addOption(levelOption().env('LOG_LEVEL'))
    .addOption(formatOption().env('LOG_FORMAT'));
  for (const command of commands) root.addCommand(command);
  forgetEmptyVariables(root);
  for (const command of [root, ...commands.flatMap((one) => [one, ...one.commands])]) {
    command
      .exitOverride()
      .configureOutput({
        writeOut: (text) => void stdout.write(text),
        writeErr: (text) => void stderr.write(text),
      })
      .allowExcessArguments(false);
  }
  root.hook('preAction', (_, action) => {
    if (action.name() === 'run') preset(peekLogSettings(action.opts<{ config: string }>().config));
    else releaseSignals();
    const { version, revision, platform } = context.program;
    const [os, arch] = platform.split('/');
    context.log().info('Runtime platform', { arch, os, pid: process.pid, revision, version });
  });
}

function levelOption(): Option {
  const parse = choiceParser(LOG_LEVELS);
  return new Option('-l, --log-level <level>', `Log level (${LOG_LEVELS.join(', ')})`).argParser(
    (text) => parse(logLevelOf(text) ?? text),
  );
}

function formatOption(): Option {
  const choices = LOG_FORMATS.join(', ');
  return new Option('--log-format <format>', `Log format (${choices})`).argParser(
    choiceParser(LOG_FORMATS),
  );
}

/**
 * Returns the parser of an option with fixed choices. An empty text counts as unset, because it
 * comes from an empty environment variable.
 */
function choiceParser(choices: readonly string[]): (text: string) => string | undefined {
  return (text) => {
    if (text === '' || choices.includes(text)) return text || undefined;
    throw new InvalidArgumentError(`Expected one of ${choices.join(', ')}.`);
  };
}

interface ContextParts {
  readonly ports: CommandPorts;
  preset(): LogKeys;
  setExitCode(code: number): void;
}

function createContext(
  root: Command,
  io: CommandIo,
  { ports, preset, setExitCode }: ContextParts,
): CommandContext {
  let log: AdjustableLog | undefined;
  const logSettings = (): LogSettings => {
    const { debug = false, logLevel, logFormat } = root.opts<GlobalFlags>();
    return { level: debug ? 'debug' : logLevel || undefined, format: logFormat || undefined };
  };
  return {
    io,
    ports,
    setExitCode,
    logSettings,
    program: describeProgram(),
    log: () => {
      const [given, keys] = [logSettings(), preset()];
      log ??= createLog({
        level: given.level ?? keys.level ?? 'info',
        format: given.format ?? keys.format ?? 'runner',
        output: {
          write: (line) => void io.stderr.write(line),
          isColored: io.stderr.isTTY === true && io.stderr.hasColors?.() === true,
        },
      });
      return log;
    },
  };
}
