import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CLI = fileURLToPath(new URL('../../program/cli.js', import.meta.url));
const READY_LIMIT_MS = 120_000;

export interface RegisterOptions {
  readonly configPath: string;
  readonly url: string;
  readonly token: string;
  readonly image: string;
  readonly helperImage: string;
}

/**
 * Runs the real `register`. The token is passed in the environment, because everybody can see
 * arguments.
 */
export async function register(options: RegisterOptions): Promise<void> {
  const args = [
    ...['register', '--non-interactive', '--config', options.configPath, '--url', options.url],
    ...['--name', 'quickstart', '--executor', 'docker', '--docker-image', options.image],
    ...['--docker-helper-image', options.helperImage, '--docker-pull-policy', 'if-not-present'],
  ];
  await promisify(execFile)(process.execPath, [CLI, ...args], {
    env: { ...process.env, CI_SERVER_TOKEN: options.token },
  });
}

export interface WorkerOptions {
  readonly configPath: string;
  readonly logPath: string;
}

export interface WorkerProcess {
  /**
   * Resolves with the facts that the worker logs when it is ready, such as the address of
   * Temporal's UI. Rejects when the worker ends before.
   */
  readonly ready: Promise<ReadyEvent>;
  /**
   * Stops the worker. Resolves when the worker itself has ended, and not only the npm that started
   * it.
   */
  stop(): Promise<void>;
}

export type ReadyEvent = Readonly<Record<string, unknown>>;

/** Starts the real `npm run worker`, with its log in a file. */
export function startWorker({ configPath, logPath }: WorkerOptions): WorkerProcess {
  const child = spawn('npm', ['run', '--silent', 'worker', '--', '--config', configPath], {
    cwd: ROOT,
    // Ctrl-C is for the quickstart, which then stops the worker in an orderly way.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LOG_FORMAT: 'json' },
  });
  child.stderr.pipe(createWriteStream(logPath, { mode: 0o600 }));
  let isOver = false;
  // `exit` would tell only of npm. `close` comes when the last process that writes to the pipe has
  // ended.
  const over = once(child, 'close').then(() => {
    isOver = true;
  });
  const group = child.pid ?? 0;
  return {
    ready: untilReady(child.stderr, over, logPath),
    stop: async () => {
      if (!isOver) process.kill(-group, 'SIGTERM');
      await over;
    },
  };
}

async function untilReady(
  output: NodeJS.ReadableStream,
  over: Promise<void>,
  logPath: string,
): Promise<ReadyEvent> {
  // The output is read to its end, although only one line matters, because unread output blocks its
  // writer.
  const lines = createInterface({ input: output });
  const ready = new Promise<ReadyEvent>((resolve) => {
    lines.on('line', (line) => {
      const event = parse(line);
      if (event?.['msg'] === 'ready') resolve(event);
    });
  });
  const event = await Promise.race([
    ready,
    over.then(() => undefined),
    delay(READY_LIMIT_MS, undefined, { ref: false }),
  ]);
  if (event !== undefined) return event;
  const said = await readFile(logPath, 'utf8');
  throw new Error(`the worker did not get ready:\n${said.split('\n').slice(-10).join('\n')}`);
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined; // This line comes from npm itself.
  }
}
