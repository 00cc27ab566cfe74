import { finished } from 'node:stream/promises';
import { errorMessage } from '../../domain/error-message.ts';
import type { ContainerEngine, ContainerStatus } from '../../ports/index.ts';
import { isAlive } from '../../domain/executor/container-state.ts';
import { ContainerGone, TransientError } from '../../domain/failure.ts';
import { encodePath, parseReply, type DaemonCall } from './daemon.ts';
import type { EngineParts } from './engine-parts.ts';
import { refusalFault } from './faults.ts';
import { inspectContainer } from './inspect-container.ts';
import { pause } from './pause.ts';
import { readReply } from './read-reply.ts';
import { createdSchema } from './replies.ts';
import { saysNotRunning } from './states.ts';

type Waiting = Pick<ContainerEngine, 'waitForExit' | 'stopContainer'>;

/** Creates the calls that wait for the end of a container's processes. */
export function createWaiting(parts: EngineParts): Waiting {
  return {
    waitForExit: (idOrName, signal) => waitForExit(parts, idOrName, signal),
    stopContainer: (idOrName, how) =>
      how === 'kill' ? kill(parts, idOrName) : stopGracefully(parts, idOrName, how),
  };
}

/**
 * Waits for the end of a container. Tries again after every transient fault, because the container
 * may outlive its daemon.
 */
async function waitForExit(
  parts: EngineParts,
  idOrName: string,
  signal: AbortSignal,
): Promise<ContainerStatus> {
  for (let failures = 0, isAnswered = false; ;) {
    signal.throwIfAborted();
    try {
      const status = await inspectContainer(parts, idOrName, { signal, patience: 'long' });
      if (status === undefined) throw new ContainerGone(idOrName);
      if (!isAliveOrRestarting(status)) return status;
      // Without this pause, an immediate answer about a container that still runs would make this a
      // busy loop.
      if (isAnswered && failures > 0) await pauseAfter(parts, failures, signal);
      const before = performance.now();
      isAnswered = false;
      await waitOnce(parts, idOrName, signal);
      isAnswered = true;
      failures = performance.now() - before < 1_000 ? failures + 1 : 0;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TransientError)) throw error;
      failures += 1;
      isAnswered = false;
      parts.log.warn('connection lost while waiting for a container, trying again', {
        container: idOrName,
        failures,
        reason: error.message,
      });
      await pauseAfter(parts, failures, signal);
    }
  }
}

function pauseAfter({ timing }: EngineParts, failures: number, signal: AbortSignal): Promise<void> {
  return pause(timing.reconnectDelayMs(failures - 1), signal);
}

/** Returns when Docker says that the container has ended, or when it is time to check again. */
async function waitOnce(parts: EngineParts, idOrName: string, signal: AbortSignal): Promise<void> {
  const { daemon, timing } = parts;
  const call: DaemonCall = {
    doing: `wait for container "${idOrName}"`,
    method: 'POST',
    path: `/containers/${encodePath(idOrName)}/wait`,
    query: { condition: 'not-running' },
    patience: 'long',
  };
  const limit = AbortSignal.timeout(timing.waitCallMs);
  try {
    const reply = await readReply(await daemon.open(call, AbortSignal.any([limit, signal])));
    if (![200, 404].includes(reply.status)) throw refusalFault(reply, daemon.action(call));
  } catch (error) {
    signal.throwIfAborted();
    if (!limit.aborted) throw daemon.fault(error, call);
  }
}

/** Whether the container has processes, or the engine is about to start it again. */
function isAliveOrRestarting(status: ContainerStatus): boolean {
  return isAlive(status) || status.state === 'restarting';
}

const STOP_TRIES = 5;

async function stopGracefully(
  parts: EngineParts,
  idOrName: string,
  how: 'graceful' | 'plain',
): Promise<void> {
  const { daemon, timing } = parts;
  const status = await inspectContainer(parts, idOrName, { patience: 'long' });
  if (status === undefined || !isAliveOrRestarting(status)) return;
  if (how === 'graceful') await terminateProcesses(parts, idOrName);
  const call: DaemonCall = {
    doing: `stop container "${idOrName}"`,
    method: 'POST',
    path: `/containers/${encodePath(idOrName)}/stop`,
    query: { t: String(Math.ceil(timing.stopGraceMs / 1000)) },
    patience: 'long',
  };
  const limitMs = timing.callLimitMs + timing.stopGraceMs;
  await untilNotRunning(parts, idOrName, async () => {
    await daemon.expect(call, { limitMs, accept: [204, 304, 404] });
  });
}

async function kill(parts: EngineParts, idOrName: string): Promise<void> {
  const { daemon, timing } = parts;
  const call: DaemonCall = {
    doing: `kill container "${idOrName}"`,
    method: 'POST',
    path: `/containers/${encodePath(idOrName)}/kill`,
    query: { signal: 'KILL' },
    patience: 'long',
  };
  await untilNotRunning(parts, idOrName, async () => {
    const reply = await daemon.send(call, { limitMs: timing.callLimitMs });
    // 409 means that the container does not run any more. Podman says so with 500.
    const isDone = [204, 404, 409].includes(reply.status) || saysNotRunning(reply.message);
    if (!isDone) throw refusalFault(reply, daemon.action(call));
  });
}

/** Repeats the action until Docker says that the container does not run. */
async function untilNotRunning(
  parts: EngineParts,
  idOrName: string,
  stop: () => Promise<void>,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    await stop();
    const patience = AbortSignal.timeout(parts.timing.stopGraceMs);
    try {
      await waitForExit(parts, idOrName, patience);
      return;
    } catch (error) {
      const status = await inspectContainer(parts, idOrName, { patience: 'long' });
      if (status === undefined || !isAliveOrRestarting(status)) return;
      if (!patience.aborted) throw error;
      if (tries === STOP_TRIES) throw stillRunning(idOrName, parts.daemon.address);
    }
  }
}

function stillRunning(idOrName: string, address: string): TransientError {
  return new TransientError(
    `container "${idOrName}" still runs after ${STOP_TRIES} requests to stop it: look at the log of Docker at ${address}`,
  );
}

/**
 * Sends SIGTERM to every process but PID 1 and waits, because a shell as PID 1 does not forward
 * signals. The list is complete before the script itself starts a process, so it contains none of
 * them.
 */
const TERMINATE_SCRIPT = `
pids=
for dir in /proc/[0-9]*; do
  pid=\${dir#/proc/}
  if [ "$pid" != 1 ] && [ "$pid" != $$ ]; then pids="$pid $pids"; fi
done
for pid in $pids; do kill -TERM "$pid" 2>/dev/null; done
tries=$1
for pid in $pids; do
  while [ "$tries" -gt 0 ] && kill -0 "$pid" 2>/dev/null; do
    sleep 1
    tries=$((tries - 1))
  done
done
`;

/**
 * Terminates the processes as far as possible. Without a shell in the image, `stop` alone must do.
 */
async function terminateProcesses(parts: EngineParts, idOrName: string): Promise<void> {
  const { daemon, timing, log } = parts;
  const doing = `ask the processes of container "${idOrName}" to end`;
  const seconds = Math.ceil(timing.stopGraceMs / 1000);
  const command = ['sh', '-c', TERMINATE_SCRIPT, 'sh', String(seconds)];
  const create: DaemonCall = {
    doing,
    method: 'POST',
    path: `/containers/${encodePath(idOrName)}/exec`,
    // This runs as the container's own user, because the shell belongs to the job and a stop must
    // not give it more rights.
    body: { Cmd: command, AttachStdout: true, AttachStderr: true },
  };
  // The last process may end the container, and with it this call, at any moment.
  const limitMs = timing.stopGraceMs + 2_000;
  try {
    const created = await daemon.expect(create, { limitMs, accept: [201] });
    const { Id } = parseReply(createdSchema, created.body, daemon.action(create));
    const start: DaemonCall = {
      doing,
      method: 'POST',
      path: `/exec/${encodePath(Id)}/start`,
      body: { Detach: false, Tty: false },
    };
    const response = await daemon.open(start, AbortSignal.timeout(limitMs));
    // The output is discarded: the shell belongs to the job and may print anything.
    await finished(response.resume());
    log.debug('asked processes to end', { container: idOrName, status: response.statusCode });
  } catch (error) {
    const reason = errorMessage(error);
    log.debug('could not ask processes to end', { container: idOrName, reason });
  }
}
