import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { leaveOn } from '../adapters/host/leave-on.ts';
import { errorMessage } from '../domain/error-message.ts';
import { listOpenBuilds, withTemporal, type OpenBuild } from './builds.ts';
import type { CommandContext } from './context.ts';
import { listNodes } from './fleet.ts';
import { listenForInterruption } from './interruption.ts';
import { formatJobs, noticesOf, type Notice } from './jobs-text.ts';
import { openScreen } from './screen.ts';
import { cleanText, createPaint } from './terminal.ts';

/** Each look asks Temporal for the list of builds, and each build for its stage. */
const LOOK_MS = 2_000;
const LOOK_LIMIT_MS = 10_000;

export interface JobsWatch {
  readonly config: string;
  readonly isJson: boolean;
}

interface Look {
  readonly builds: readonly OpenBuild[];
  readonly notices: readonly Notice[];
}

/** The output for what was seen. */
export interface JobsSink {
  show(look: Look): void;
  close(): void;
}

/** Shows the running jobs, and each change of them, until SIGINT or SIGTERM. */
export async function watchJobs(watch: JobsWatch, context: CommandContext): Promise<void> {
  const interruption = listenForInterruption();
  const { signal } = interruption;
  const sink = createJobsSink(watch, context);
  // The screen is closed at once, because a second signal ends the process where it stands.
  signal.addEventListener('abort', () => sink.close());
  try {
    const watching = withTemporal(watch.config, context, (client) => lookOn(client, sink, signal));
    await leaveOn(signal, watching);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    sink.close();
    interruption.close();
  }
}

async function lookOn(client: Client, sink: JobsSink, signal: AbortSignal): Promise<void> {
  let seen: Look = { builds: [], notices: [] };
  while (!signal.aborted) {
    seen = await look(client, seen);
    sink.show(seen);
    await delay(LOOK_MS, undefined, { signal });
  }
}

/**
 * Looks once. While Temporal is away the last result stays, because the jobs continue meanwhile.
 */
async function look(client: Client, { builds: known }: Look): Promise<Look> {
  try {
    const [builds, nodes] = await client.withDeadline(Date.now() + LOOK_LIMIT_MS, () =>
      Promise.all([listOpenBuilds(client), listNodes(client)]),
    );
    return { builds, notices: nodes.flatMap(noticesOf) };
  } catch (error) {
    const message = `Temporal does not answer: ${errorMessage(error)}`;
    return { builds: known, notices: [{ message, fields: {} }] };
  }
}

/**
 * Creates the output: on a terminal a table that is drawn again in place, in a pipe one table after
 * another, or a line for each change.
 */
export function createJobsSink(
  { isJson }: Pick<JobsWatch, 'isJson'>,
  { io }: Pick<CommandContext, 'io'>,
): JobsSink {
  if (isJson) return createJsonSink(io.stdout);
  const paint = createPaint(io);
  const format = ({ builds, notices }: Look, nowMs: number): string =>
    [
      formatJobs(builds, { paint, nowMs }),
      ...notices.map(({ message, fields }) => {
        const names = Object.entries(fields).map(([name, value]) => `${name}=${cleanText(value)}`);
        return `${paint('yellow', [cleanText(message), ...names].join(' '))}\n`;
      }),
    ].join('');
  if (io.stdout.isTTY === true) {
    const screen = openScreen(io.stdout);
    return { show: (seen) => screen.show(format(seen, Date.now())), close: screen.close };
  }
  let last = '';
  return {
    show: (seen) => {
      // Compared without ages, because ages always change.
      const kind = format(seen, 0);
      if (kind === last) return;
      io.stdout.write(`${last === '' ? '' : '\n'}${format(seen, Date.now())}`);
      last = kind;
    },
    close: () => undefined,
  };
}

function createJsonSink(output: Writable): JobsSink {
  const known = new Map<string, string>();
  return {
    show: ({ builds }) => {
      for (const build of builds) {
        const line = JSON.stringify(build);
        if (known.get(build.buildId) !== line) output.write(`${line}\n`);
        known.set(build.buildId, line);
      }
      const open = new Set(builds.map(({ buildId }) => buildId));
      for (const buildId of [...known.keys()].filter((one) => !open.has(one))) {
        output.write(`${JSON.stringify({ buildId, hasEnded: true })}\n`);
        known.delete(buildId);
      }
    },
    close: () => undefined,
  };
}
