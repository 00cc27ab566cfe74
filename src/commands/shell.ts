import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { ReadStream } from 'node:tty';
import { Command } from 'commander';
import { buildDirectory, readRecord } from '../adapters/state/build-store.ts';
import { openKeyRing } from '../adapters/state/cipher.ts';
import { planTerminal } from '../domain/executor/terminal.ts';
import type { BuildContext } from '../domain/context/context.ts';
import type { ContainerTerminal } from '../ports/index.ts';
import { withTemporal } from './builds.ts';
import { findBuild, JOB_ARGUMENT } from './one-job.ts';
import type { CommandContext, CommandIo } from './context.ts';
import { configOption } from './options.ts';

interface ShellFlags {
  readonly config: string;
}

/** `shell`: opens a shell in the job's container, with a terminal, or with the input of a pipe. */
export function createShellCommand(context: CommandContext): Command {
  return new Command('shell')
    .description('Open a shell in the container of a job that runs on this node')
    .argument('<job>', JOB_ARGUMENT)
    .addOption(configOption())
    .action((job: string, flags: ShellFlags) => openShell(job, flags, context));
}

async function openShell(job: string, flags: ShellFlags, context: CommandContext): Promise<void> {
  const { build, state } = await withTemporal(flags.config, context, async (client, paths) => ({
    build: await findBuild(client, job),
    state: paths,
  }));
  const { cipher } = await openKeyRing(state.keyRingFile);
  const record = await readRecord(buildDirectory(state.buildsDir, build.buildId), cipher);
  if (record === undefined) {
    const { buildId, node } = build;
    throw new Error(`this node has no record of ${buildId}: run \`shell\` on its node, ${node}`);
  }
  const hasTty = isTerminal(context.io.input) && context.io.stdout.isTTY === true;
  const terminal = await openTerminal(record, { hasTty, context });
  context.log().info('Shell opened', { build: build.buildId, what: build.summary });
  context.setExitCode(await talk(terminal, context.io, hasTty));
}

interface Wish {
  readonly hasTty: boolean;
  readonly context: CommandContext;
}

async function openTerminal(
  record: BuildContext,
  { hasTty, context }: Wish,
): Promise<ContainerTerminal> {
  const { io, ports } = context;
  const { runner } = record;
  const engine = await ports.openTerminalEngine({ runner, env: io.env, log: context.log() });
  const { container, command } = planTerminal(record);
  const terminal = await engine.openTerminal(container, { command, hasTty });
  if (terminal !== undefined) return terminal;
  throw new Error(
    `container ${container} does not run now: it does while a script of the job runs, so try again then`,
  );
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
