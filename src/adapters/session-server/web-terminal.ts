import { setTimeout as delay } from 'node:timers/promises';
import type { RawData, WebSocket } from 'ws';
import { TransientError } from '../../domain/failure.ts';
import type { ContainerTerminal, Log } from '../../ports/index.ts';
import type { Visit } from './visits.ts';
import { wireOf, type Wire } from './wire.ts';

/** Every limit and pause of a terminal, in milliseconds. Tests use shorter ones. */
export interface TerminalTiming {
  /** How long a terminal may take to open. */
  readonly openMs: number;
  readonly retryMs: number;
  /** Time from one ping to the next. A client that has not answered by then is gone. */
  readonly pingMs: number;
  /**
   * Returns after how long a terminal in which nothing moves is closed. Called when a terminal
   * opens.
   */
  idleMs(): number;
  /** How long a client may take to answer the end of the connection. */
  readonly closeMs: number;
}

export interface WebTerminal {
  readonly socket: WebSocket;
  /** The first shell. */
  readonly shell: ContainerTerminal;
  /** Opens another shell; undefined while the container does not run. */
  openShell(): Promise<ContainerTerminal | undefined>;
  /** Whether the container runs. */
  isRunning(): Promise<boolean>;
  readonly visit: Visit;
  readonly timing: TerminalTiming;
  readonly log: Log;
}

const NORMAL_CLOSURE = 1000;
const INVALID_CONTENT = 1007;
/** Exit codes of a shell that was killed, for example with its container. */
const KILLED = [129, 137, 143];
/**
 * Docker returns this code for a shell that it tried to start in a container that was ending.
 */
const NEVER_BEGAN = 126;

/**
 * Connects a person with shells in the job's container, one after another, because each stage
 * starts the container again. Ends when the person leaves, when the person ends the shell, or with
 * the visit.
 */
export async function serveTerminal(terminal: WebTerminal): Promise<void> {
  const { socket, visit, timing, log } = terminal;
  const wire = wireOf(socket.protocol);
  const screen = openScreen(terminal, wire);
  visit.ending.addEventListener('abort', () => void screen.current?.close().catch(() => undefined));
  socket.on('close', () => visit.close('the connection was closed'));
  try {
    await runShells(terminal, screen);
    if (visit.ending.aborted) await screen.say(String(visit.ending.reason));
  } catch (error) {
    log.warn('terminal ended by a fault', { error });
  } finally {
    screen.stop();
    await screen.current?.close().catch((error: unknown) => {
      log.debug('shell of a terminal not closed', { error });
    });
    await closeSocket(socket, timing.closeMs);
  }
}

interface Screen {
  /** The open shell; undefined between two shells. */
  readonly current: ContainerTerminal | undefined;
  /**
   * Sets the shell that has opened; undefined when it has ended. Only an open shell can be idle.
   */
  enter(shell: ContainerTerminal | undefined): void;
  /** Sends bytes to the person. Resolves when the person's side has taken them. */
  show(bytes: Uint8Array): Promise<void>;
  say(text: string): Promise<void>;
  stop(): void;
}

async function runShells(terminal: WebTerminal, screen: Screen): Promise<void> {
  const { visit } = terminal;
  let { shell } = terminal;
  for (;;) {
    screen.enter(shell);
    for await (const { bytes } of shell.output) await screen.show(bytes);
    if (visit.ending.aborted || (await wasLeft(shell, terminal))) return;
    screen.enter(undefined);
    await screen.say('The container has ended; a shell opens when it is started again.');
    // Docker also opens shells in a container that is ending, and they end at once.
    await delay(terminal.timing.retryMs);
    const next = await openWhenRunning(terminal);
    if (next === undefined) return;
    shell = next;
  }
}

/** Waits for the end of a shell. Returns false when it was ended from outside. */
async function wasLeft(
  shell: ContainerTerminal,
  { isRunning }: Pick<WebTerminal, 'isRunning'>,
): Promise<boolean> {
  const exitCode = await shell.exitCode().catch(() => undefined);
  if (exitCode === NEVER_BEGAN) return isRunning();
  return exitCode !== undefined && !KILLED.includes(exitCode);
}

/** Opens a shell as soon as the container runs. Returns undefined when the visit ends before. */
export async function openWhenRunning({
  openShell,
  visit,
  timing,
  log,
}: Pick<WebTerminal, 'openShell' | 'visit' | 'timing' | 'log'>): Promise<
  ContainerTerminal | undefined
> {
  const isOver = (): boolean => visit.ending.aborted;
  while (!isOver()) {
    const shell = await openShell().catch((error: unknown) => {
      if (!(error instanceof TransientError)) throw error;
      log.debug('no shell for a terminal now', { error });
      return undefined;
    });
    if (shell !== undefined && !isOver()) return shell;
    await shell?.close();
    await delay(timing.retryMs, undefined, { signal: visit.ending }).catch(() => undefined);
  }
  return undefined;
}

function openScreen({ socket, visit, timing }: WebTerminal, wire: Wire): Screen {
  const idleMs = timing.idleMs();
  let current: ContainerTerminal | undefined;
  let idle: NodeJS.Timeout | undefined;
  const stopPings = pingNowAndThen(socket, timing.pingMs);
  takeInput(socket, wire, async (bytes) => {
    idle?.refresh();
    await current?.write(bytes);
  });
  return {
    get current() {
      return current;
    },
    enter: (shell) => {
      current = shell;
      clearTimeout(idle);
      idle =
        shell && setTimeout(() => visit.close('nothing was typed or shown for too long'), idleMs);
    },
    show: (bytes) => {
      idle?.refresh();
      return send(socket, wire.encode(bytes));
    },
    say: (text) => send(socket, wire.encode(Buffer.from(`\r\n\u001b[0;2m${text}\u001b[0m\r\n`))),
    stop: () => {
      clearTimeout(idle);
      stopPings();
    },
  };
}

/**
 * Passes the person's input on. Takes no more from the client while the shell has not read the
 * earlier input.
 */
function takeInput(
  socket: WebSocket,
  wire: Wire,
  write: (bytes: Uint8Array) => Promise<void>,
): void {
  let writing = Promise.resolve();
  let waiting = 0;
  socket.on('message', (message: RawData) => {
    const bytes = wire.decode(message);
    if (bytes === undefined) {
      socket.close(INVALID_CONTENT);
      return;
    }
    waiting += 1;
    socket.pause();
    writing = writing
      .then(() => write(bytes))
      .finally(() => {
        waiting -= 1;
        if (waiting === 0) socket.resume();
      });
  });
}

/** Sends a message. A client that is gone takes nothing, and its close event tells that. */
function send(socket: WebSocket, message: Uint8Array | string): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  return new Promise((resolve) => {
    socket.send(message, () => resolve());
  });
}

function pingNowAndThen(socket: WebSocket, pingMs: number): () => void {
  let isAlive = true;
  socket.on('pong', () => {
    isAlive = true;
  });
  const timer = setInterval(() => {
    if (!isAlive) socket.terminate();
    else if (socket.readyState === socket.OPEN) socket.ping();
    isAlive = false;
  }, pingMs);
  return () => clearInterval(timer);
}

async function closeSocket(socket: WebSocket, limitMs: number): Promise<void> {
  if (socket.readyState === socket.CLOSED) return;
  const limit = setTimeout(() => socket.terminate(), limitMs);
  await new Promise((resolve) => {
    socket.once('close', resolve);
    socket.resume();
    socket.close(NORMAL_CLOSURE);
  });
  clearTimeout(limit);
}
