import { Transform, type Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { Command, Option } from 'commander';
import { buildDirectory } from '../adapters/state/build-store.ts';
import { copyTrace } from '../adapters/trace-spool/trace-reader.ts';
import { createTerminalFilter } from '../domain/trace/terminal-text.ts';
import { systemClock } from '../worker/machine/program.ts';
import { withTemporal } from './builds.ts';
import type { CommandContext } from './context.ts';
import { findBuild, JOB_ARGUMENT } from './one-job.ts';
import { configOption } from './options.ts';

interface LogsFlags {
  readonly config: string;
  readonly follow?: boolean;
}

/** `logs`: prints a running job's log as GitLab gets it, from the disk of its node. */
export function createLogsCommand(context: CommandContext): Command {
  return new Command('logs')
    .description('Print the masked log of a job that runs on this node')
    .argument('<job>', JOB_ARGUMENT)
    .addOption(configOption())
    .addOption(new Option('-f, --follow', 'Follow the log until the job has ended'))
    .action((job: string, flags: LogsFlags) => printLog(job, flags, context));
}

const RESET = '\u001b[0m';

/**
 * Keeps a job from controlling the terminal of the person who reads its log. In a pipe the log
 * stays as GitLab has it.
 */
export function cleanFor(terminal: Writable): Writable {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const clean = createTerminalFilter();
  const filter = new Transform({
    transform: (chunk: Uint8Array, _encoding, done) => {
      done(null, clean(decoder.decode(chunk, { stream: true })));
    },
    flush: (done) => done(null, clean(decoder.decode()) + RESET),
  });
  filter.pipe(terminal, { end: false });
  return filter;
}

async function printLog(job: string, flags: LogsFlags, context: CommandContext): Promise<void> {
  const { build, buildsDir } = await withTemporal(flags.config, context, async (client, state) => ({
    build: await findBuild(client, job),
    buildsDir: state.buildsDir,
  }));
  const { stdout } = context.io;
  const output = stdout.isTTY === true ? cleanFor(stdout) : stdout;
  const isPrinted = await copyTrace({
    directory: buildDirectory(buildsDir, build.buildId),
    output,
    isFollowed: flags.follow === true,
    clock: systemClock,
  });
  if (output !== stdout) await finished(output.end());
  if (isPrinted) return;
  const { buildId, node } = build;
  throw new Error(`this node has no log of ${buildId}: run \`logs\` on its node, ${node}`);
}
