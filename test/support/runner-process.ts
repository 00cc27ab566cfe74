import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { endProcess, hasEnded, whenEnded } from './child-process.ts';
import { CLI } from './command.ts';

/** The real program in its own process. Its log is read line by line. */
export interface RunnerProcess {
  readonly pid: number;
  readonly lines: readonly string[];
  /**
   * Resolves with the first line that matches, which may be an earlier one. Rejects when the
   * process ends before that. Lines before `fromLine` do not count.
   */
  whenLog(pattern: RegExp, timeoutMs?: number, fromLine?: number): Promise<string>;
  /**
   * Sends a signal and waits until the process ends. Returns the exit code, or null when a signal
   * has ended the process.
   */
  end(signal: NodeJS.Signals, timeoutMs?: number): Promise<number | null>;
  signal(signal: NodeJS.Signals): void;
  /** Waits until the process ends by itself. Returns the same value as `end`. */
  whenExit(timeoutMs?: number): Promise<number | null>;
  readonly hasExited: boolean;
}

export interface StartOptions {
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The CLI of another build of the program. */
  readonly cli?: string | undefined;
  /** A command that replaces itself with the program, such as `nice`. */
  readonly launcher?: readonly string[] | undefined;
}

/** What the program logs when it is ready: addresses of its Temporal and of its UI, and its queue. */
export interface ReadyLine {
  readonly temporal: string;
  readonly namespace: string;
  readonly task_queue: string;
  readonly ui: string;
}

/** Waits until the program is ready. */
export async function whenReady(
  { whenLog }: Pick<RunnerProcess, 'whenLog'>,
  limitMs?: number,
): Promise<ReadyLine> {
  return JSON.parse(await whenLog(/"msg":"ready"/, limitMs)) as ReadyLine;
}

export function startRunnerProcess(options: StartOptions): RunnerProcess {
  const { args, env = {}, cli = CLI, launcher = [] } = options;
  // Node runs without source maps, as it does for users: they cost a tenth of a second at each start.
  const words = [...launcher, process.execPath, cli, ...args];
  const child = spawn(words[0] ?? '', words.slice(1), {
    env: { ...process.env, LOG_FORMAT: 'json', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const lines: string[] = [];
  const listeners = new Set<() => void>();
  const tell = (): void => listeners.forEach((listener) => listener());
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (process.env['TGR_TEST_VERBOSE']) process.stderr.write(`[runner] ${line}\n`);
    tell();
  });
  child.on('exit', tell);
  return {
    pid: child.pid ?? 0,
    lines,
    get hasExited() {
      return hasEnded(child);
    },
    whenLog: (pattern, timeoutMs = 120_000, fromLine = 0) =>
      new Promise((resolve, reject) => {
        const fail = (why: string): void =>
          reject(
            new Error(`${why} before ${pattern}; last lines:\n${lines.slice(-15).join('\n')}`),
          );
        const timer = setTimeout(() => done(() => fail(`${timeoutMs} ms passed`)), timeoutMs);
        const done = (settle: () => void): void => {
          clearTimeout(timer);
          listeners.delete(look);
          settle();
        };
        const look = (): void => {
          const line = lines.slice(fromLine).find((candidate) => pattern.test(candidate));
          if (line !== undefined) done(() => resolve(line));
          else if (hasEnded(child)) done(() => fail(`the runner ended (${child.exitCode})`));
        };
        listeners.add(look);
        look();
      }),
    signal: (signal) => void child.kill(signal),
    whenExit: async (timeoutMs = 60_000) => {
      await whenEnded(child, timeoutMs);
      return child.exitCode;
    },
    end: async (signal, timeoutMs = 60_000) => {
      await endProcess(child, signal, timeoutMs);
      return child.exitCode;
    },
  };
}
