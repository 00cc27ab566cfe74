import { randomBytes } from 'node:crypto';
import { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type {
  ContainerTerminal,
  TerminalEngine,
  TerminalOutput,
  TerminalSize,
  TerminalCommand,
} from '../../ports/index.ts';
import { inTries, upTo, type TryLimits } from '../../domain/tries.ts';
import { encodePath, parseReply, type DaemonCall } from './daemon.ts';
import { demux } from './demux.ts';
import type { EngineParts } from './engine-parts.ts';
import { refusalFault, timeoutFault } from './faults.ts';
import { inspect } from './inspect.ts';
import { readReply, type DaemonReply } from './read-reply.ts';
import { createdSchema, execSchema } from './replies.ts';
import { saysNotRunning } from './states.ts';

/** Marks the processes of one terminal, because Docker ends none of them with the connection. */
const MARK = 'RUNNER_TERMINAL';

const EXIT_CODE_TRIES: TryLimits = { most: 20, pauseMs: 50 };

/** Ends the processes of a terminal. When the image has no `grep`, they end with the container. */
const HANG_UP = `for _runner_process in /proc/[0-9]*; do
  if grep -qs "${MARK}=$1" "$_runner_process/environ"; then kill -HUP "\${_runner_process#/proc/}"; fi
done 2>/dev/null`;

/** Creates the part of the engine that runs commands of people. */
export function createTerminals(parts: EngineParts): TerminalEngine {
  return { openTerminal: (idOrName, command) => openTerminal(parts, idOrName, command) };
}

interface Exec {
  readonly container: string;
  readonly execId: string;
  readonly mark: string;
}

async function openTerminal(
  parts: EngineParts,
  container: string,
  command: TerminalCommand,
): Promise<ContainerTerminal | undefined> {
  const mark = randomBytes(8).toString('hex');
  const reply = await createExec(parts, container, {
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    Tty: command.hasTty,
    Cmd: command.command,
    Env: [`${MARK}=${mark}`],
  });
  if (reply === undefined) return undefined;
  const exec = { container, execId: reply, mark };
  const connection = await startExec(parts, exec, command);
  return connection && toTerminal(parts, { ...exec, connection, hasTty: command.hasTty });
}

/** Whether the container has ended or is paused. */
function doesNotRun({ status, message }: DaemonReply): boolean {
  return [404, 409].includes(status) || (status >= 500 && saysNotRunning(message));
}

/** Creates an exec and returns its id; undefined when the container does not run. */
async function createExec(
  { daemon, timing }: EngineParts,
  container: string,
  body: object,
): Promise<string | undefined> {
  const call: DaemonCall = {
    doing: `open a terminal in container "${container}"`,
    method: 'POST',
    path: `/containers/${encodePath(container)}/exec`,
    body,
  };
  const reply = await daemon.send(call, { limitMs: timing.callLimitMs });
  if (reply.status === 201) return parseReply(createdSchema, reply.body, daemon.action(call)).Id;
  if (doesNotRun(reply)) return undefined;
  throw refusalFault(reply, daemon.action(call));
}

async function startExec(
  { daemon, timing }: EngineParts,
  { container, execId }: Exec,
  { hasTty }: TerminalCommand,
): Promise<Duplex | undefined> {
  const call: DaemonCall = {
    doing: `start a terminal in container "${container}"`,
    method: 'POST',
    path: `/exec/${encodePath(execId)}/start`,
    body: { Detach: false, Tty: hasTty },
    upgrades: true,
  };
  // `AbortSignal.timeout` would also abort the open terminal, when its time is over.
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), timing.callLimitMs);
  try {
    const answer = await daemon.upgrade(call, limit.signal);
    if (!(answer instanceof IncomingMessage)) return answer;
    const reply = await readReply(answer);
    if (doesNotRun(reply)) return undefined;
    throw refusalFault(reply, daemon.action(call));
  } catch (error) {
    if (limit.signal.aborted) throw timeoutFault(timing.callLimitMs, daemon.action(call));
    throw daemon.fault(error, call);
  } finally {
    clearTimeout(timer);
  }
}

interface OpenExec extends Exec {
  readonly connection: Duplex;
  readonly hasTty: boolean;
}

function toTerminal(parts: EngineParts, exec: OpenExec): ContainerTerminal {
  const { connection, hasTty } = exec;
  // A broken connection counts as the end of the output.
  connection.on('error', () => undefined);
  return {
    output: hasTty ? readRaw(connection) : demux(readAll(connection)),
    write: (bytes) =>
      new Promise((resolve) => {
        if (connection.writable) connection.write(bytes, () => resolve());
        else resolve();
      }),
    endInput: () => void connection.end(),
    resize: (size) => resize(parts, exec, size),
    exitCode: () => findExitCode(parts, exec),
    close: async () => {
      connection.destroy();
      await hangUp(parts, exec);
    },
  };
}

async function* readRaw(connection: Duplex): AsyncGenerator<TerminalOutput> {
  for await (const bytes of readAll(connection)) yield { stream: 'stdout', bytes };
}

async function* readAll(connection: Duplex): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of connection) yield bytes as Uint8Array;
  } catch {
    // Docker was restarted, or the terminal was closed.
  }
}

/** Resizes the terminal. A command that has just ended has no size any more, which is no fault. */
async function resize(
  { daemon, timing }: EngineParts,
  { container, execId }: Exec,
  { columns, rows }: TerminalSize,
): Promise<void> {
  const call: DaemonCall = {
    doing: `resize a terminal of container "${container}"`,
    method: 'POST',
    path: `/exec/${encodePath(execId)}/resize`,
    query: { h: String(rows), w: String(columns) },
  };
  await daemon.send(call, { limitMs: timing.callLimitMs });
}

function inspectExec(parts: EngineParts, { container, execId }: Exec) {
  const doing = `inspect a terminal of container "${container}"`;
  const call = { doing, path: `/exec/${encodePath(execId)}/json` };
  return inspect(parts, call, { schema: execSchema });
}

/** Finds the exit code. Docker may need a moment to know it after the end of the output. */
async function findExitCode(parts: EngineParts, exec: Exec): Promise<number | undefined> {
  const state = await inTries(() => inspectExec(parts, exec), {
    nextMs: upTo(EXIT_CODE_TRIES, (end) => end.kind === 'answered' && isOpen(end.value)),
    pause: (ms) => delay(ms, true),
  });
  return isOpen(state) ? undefined : (state?.ExitCode ?? undefined);
}

/** Whether a later answer may have an exit code. Docker forgets an exec with its container. */
function isOpen(state: Awaited<ReturnType<typeof inspectExec>>): boolean {
  return state !== undefined && (state.Running || typeof state.ExitCode !== 'number');
}

async function hangUp(parts: EngineParts, exec: Exec): Promise<void> {
  const execId = await createExec(parts, exec.container, {
    Cmd: ['sh', '-c', HANG_UP, 'sh', exec.mark],
  });
  if (execId === undefined) return;
  const { daemon, timing } = parts;
  const call: DaemonCall = {
    doing: `end a terminal of container "${exec.container}"`,
    method: 'POST',
    path: `/exec/${encodePath(execId)}/start`,
    body: { Detach: true },
  };
  await daemon.send(call, { limitMs: timing.callLimitMs });
}
