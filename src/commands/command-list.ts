import type { Command } from 'commander';
import type { CommandContext } from './context.ts';

/**
 * The commands in the order of `--help`. Each is loaded only when it is needed, because most of
 * them take longer to load than Node itself.
 */
const COMMANDS: Readonly<Record<string, (context: CommandContext) => Promise<Command>>> = {
  run: async (context) => (await import('./run.ts')).createRunCommand(context),
  register: async (context) => (await import('./register.ts')).createRegisterCommand(context),
  verify: async (context) => (await import('./verify.ts')).createVerifyCommand(context),
  list: async (context) => (await import('./list.ts')).createListCommand(context),
  unregister: async (context) => (await import('./unregister.ts')).createUnregisterCommand(context),
  lint: async (context) => (await import('./lint.ts')).createLintCommand(context),
  status: async (context) => (await import('./status.ts')).createStatusCommand(context),
  jobs: async (context) => (await import('./jobs.ts')).createJobsCommand(context),
  logs: async (context) => (await import('./logs.ts')).createLogsCommand(context),
  shell: async (context) => (await import('./shell.ts')).createShellCommand(context),
  cancel: async (context) => (await import('./cancel.ts')).createCancelCommand(context),
  hold: async (context) => (await import('./hold.ts')).createHoldCommand(context),
  release: async (context) => (await import('./hold.ts')).createReleaseCommand(context),
  retry: async (context) => (await import('./hold.ts')).createRetryCommand(context),
  pause: async (context) => (await import('./pause.ts')).createPauseCommand(context),
  drain: async (context) => (await import('./pause.ts')).createDrainCommand(context),
  resume: async (context) => (await import('./pause.ts')).createResumeCommand(context),
  names: async (context) => (await import('./names.ts')).createNamesCommand(context),
  keys: async (context) => (await import('./keys.ts')).createKeysCommand(context),
};

const VERSION_FLAGS = ['-v', '--version'];
const HELP_WORDS = ['-h', '--help', 'help'];

/**
 * Loads the commands that these words may need: the ones that they name, and none for the version.
 * Loads all of them for help, and when no name matches, so that the error can suggest the right
 * one.
 */
export async function loadCommands(
  args: readonly string[],
  context: CommandContext,
): Promise<readonly Command[]> {
  const names = chooseNames(args);
  const loading = Object.entries(COMMANDS)
    .filter(([name]) => names.includes(name))
    .map(([, load]) => load(context));
  return Promise.all(loading);
}

function chooseNames(args: readonly string[]): readonly string[] {
  const names = Object.keys(COMMANDS);
  if (args.some((word) => HELP_WORDS.includes(word))) return names;
  const named = names.filter((name) => args.includes(name));
  if (named.length > 0) return named;
  return args.some((word) => VERSION_FLAGS.includes(word)) ? [] : names;
}
