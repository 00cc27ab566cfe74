import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CLI = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
const READY_LIMIT_MS = 120_000;

export interface RegisterOptions {
  readonly configPath: string;
  readonly url: string;
  readonly token: string;
  readonly image: string;
  readonly helperImage: string;
}

/** The real `register`. The token goes by the environment: arguments are for everybody to see. */
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

export interface WorkerProcess {
  readonly pid: number;
  /** What it says of itself when it is ready, such as the address of Temporal's UI. */
  readonly ready: Readonly<Record<string, unknown>>;
  stop(): Promise<void>;
}

/** The real `npm run worker`, its log in a file. */
export async function startWorker(options: {
  readonly configPath: string;
  readonly logPath: string;
}): Promise<WorkerProcess> {
  const child = spawn('npm', ['run', '--silent', 'worker', '--', '--config', options.configPath], {
    cwd: ROOT,
    // Ctrl-C is for the quickstart, which then stops the worker in good order.
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LOG_FORMAT: 'json' },
  });
  child.stderr.pipe(createWriteStream(options.logPath, { mode: 0o600 }));
  const exited = once(child, 'exit');
  const ready = await Promise.race([
    whenReady(child.stderr),
    exited.then(() => undefined),
    delay(READY_LIMIT_MS, undefined, { ref: false }),
  ]);
  const group = child.pid ?? 0;
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-group, 'SIGTERM');
    await exited;
  };
  if (ready === undefined) {
    await stop();
    const said = await readFile(options.logPath, 'utf8');
    throw new Error(`the worker did not get ready:\n${said.split('\n').slice(-10).join('\n')}`);
  }
  return { pid: Number(ready['pid'] ?? group), ready, stop };
}

async function whenReady(
  output: NodeJS.ReadableStream,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  for await (const line of createInterface({ input: output })) {
    const event = parse(line);
    if (event?.['msg'] === 'ready') return event;
  }
  return undefined; // it has ended
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined; // npm's own words
  }
}
