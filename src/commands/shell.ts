import type { WorkflowHandle } from '@temporalio/client';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { Command } from 'commander';
import { buildDirectory, readRecord } from '../adapters/state/build-store.ts';
import { openKeyRing } from '../adapters/state/cipher.ts';
import { planTerminal } from '../domain/executor/terminal.ts';
import type { BuildContext } from '../domain/context/context.ts';
import type { StatePaths } from '../adapters/state/state-directory.ts';
import type { ContainerTerminal, TerminalEngine } from '../ports/index.ts';
import { shellUpdate, type ShellInput } from '../workflows/messages.ts';
import { withTemporal, type OpenBuild } from './builds.ts';
import { answerOf, findBuild, JOB_ARGUMENT, userName } from './one-job.ts';
import type { CommandContext, CommandIo } from './context.ts';
import { configOption, type ConfigFlags } from './options.ts';

/** How long the build may take to start the container, or to say why it does not. */
const START_LIMIT_MS = 30_000;

/** `shell`: opens a shell in the job's container, with a terminal, or with the input of a pipe. */
export function createShellCommand(context: CommandContext): Command {
  return new Command('shell')
    .description('Open a shell in the container of a job that runs, or is held, on this node')
    .argument('<job>', JOB_ARGUMENT)
    .addOption(configOption())
    .action((job: string, flags: ConfigFlags) => openShell(job, flags, context));
}

async function openShell(job: string, flags: ConfigFlags, context: CommandContext): Promise<void> {
  const hasTty = isTerminal(context.io.input) && context.io.stdout.isTTY === true;
  const { build, terminal } = await withTemporal(flags.config, context, async (client, state) => {
    const build = await findBuild(client, job);
    const record = await recordOf(build, state);
    const { container, command } = planTerminal(record);
    const engine = await engineOf(record, context);
    const open = () => engine.openTerminal(container, { command, hasTty });
    const { buildId } = build;
    const opened = await openTold(open, (isRunning) => {
      const input: ShellInput = { by: userName(context), container, isRunning };
      const send = (handle: WorkflowHandle) => handle.executeUpdate(shellUpdate, { args: [input] });
      return answerOf(client, buildId, { send, limitMs: START_LIMIT_MS });
    });
    return { build, terminal: opened ?? throwEnded(container) };
  });
  context.log().info('Shell opened', { build: build.buildId, what: build.summary });
  context.setExitCode(await talk(terminal, context.io, hasTty));
}

async function recordOf(
  { buildId, node }: OpenBuild,
  { keyRingFile, buildsDir }: StatePaths,
): Promise<BuildContext> {
  const { cipher } = await openKeyRing(keyRingFile);
  const record = await readRecord(buildDirectory(buildsDir, buildId), cipher);
  if (record !== undefined) return record;
  throw new Error(`this node has no record of ${buildId}: run \`shell\` on its node, ${node}`);
}

function engineOf({ runner }: BuildContext, context: CommandContext): Promise<TerminalEngine> {
  const { io, ports } = context;
  return ports.openTerminalEngine({ runner, env: io.env, log: context.log() });
}

/**
 * Opens a shell, and tells the build about it before anybody can type, because the job's log names
 * everybody who has had a shell. If the container does not run, a held build starts the container,
 * and any other build refuses.
 */
async function openTold(
  open: () => Promise<ContainerTerminal | undefined>,
  tell: (isRunning: boolean) => Promise<unknown>,
): Promise<ContainerTerminal | undefined> {
  const terminal = await open();
  try {
    await tell(terminal !== undefined);
  } catch (error) {
    await terminal?.close();
    throw error;
  }
  return terminal ?? open();
}

function throwEnded(container: string): never {
  throw new Error(`container ${container} has ended as soon as it was started for the shell`);
}

/** Runs the conversation and returns the exit code of the shell. */
async function talk(
  terminal: ContainerTerminal,
  { input, stdout, stderr }: CommandIo,
  hasTty: boolean,
): Promise<number> {
  const restore = hasTty ? takeOver(terminal, { input, stdout }) : () => undefined;
  void passOn(input, terminal).catch(() => undefined); // The input ends with the shell.
  try {
    for await (const { stream, bytes } of terminal.output) {
      await write(stream === 'stdout' ? stdout : stderr, bytes);
    }
    return (await terminal.exitCode()) ?? 1;
  } finally {
    restore();
    input.destroy();
    await terminal.close();
  }
}

async function passOn(input: Readable, terminal: ContainerTerminal): Promise<void> {
  for await (const bytes of input) await terminal.write(bytes as Uint8Array);
  terminal.endInput();
}

async function write(output: Writable, bytes: Uint8Array): Promise<void> {
  if (!output.write(bytes)) await once(output, 'drain');
}

function isTerminal(input: Readable): boolean {
  return input instanceof ReadStream && input.isTTY;
}

/**
 * Passes each key and the size of the window to the shell. Returns the function that undoes this.
 */
function takeOver(
  terminal: ContainerTerminal,
  { input, stdout }: Pick<CommandIo, 'input' | 'stdout'>,
): () => void {
  const setRaw = (isRaw: boolean): void => {
    if (input instanceof ReadStream) input.setRawMode(isRaw);
  };
  const resize = (): void => {
    const { columns, rows } = stdout;
    if (columns === undefined || rows === undefined) return;
    void terminal.resize({ columns, rows }).catch(() => undefined); // The shell may have ended.
  };
  setRaw(true);
  stdout.on('resize', resize);
  resize();
  return () => {
    stdout.off('resize', resize);
    setRaw(false);
  };
}
