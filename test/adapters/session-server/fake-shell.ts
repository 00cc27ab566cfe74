import { PassThrough } from 'node:stream';
import type { ContainerTerminal, TerminalOutput } from '../../../src/ports/index.ts';

/** A shell whose output the test decides. */
export interface FakeShell extends ContainerTerminal {
  /** Returns everything that was typed so far. */
  typed(): string;
  /** Resolves when this was typed. */
  whenTyped(text: string): Promise<void>;
  say(bytes: string | Uint8Array): void;
  /** Ends the shell like a process. */
  exit(code: number): void;
  readonly isClosed: boolean;
  /** True: the shell takes nothing that is typed. */
  isStuck: boolean;
}

export function createFakeShell(): FakeShell {
  const output = new PassThrough();
  const waiting = new Set<() => void>();
  let typed = '';
  let exitCode: number | undefined;
  let isClosed = false;
  const shell: FakeShell = {
    isStuck: false,
    typed: () => typed,
    whenTyped: (text) =>
      new Promise((resolve) => {
        const look = (): void => {
          // Only the end is searched, because the text may be long.
          if (typed.slice(-100_000).includes(text)) resolve();
        };
        waiting.add(look);
        look();
      }),
    say: (bytes) => void output.write(bytes),
    exit: (code) => {
      exitCode = code;
      output.end();
    },
    get isClosed() {
      return isClosed;
    },
    output: read(output),
    write: async (bytes) => {
      typed += Buffer.from(bytes).toString();
      for (const look of waiting) look();
      while (shell.isStuck) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    endInput: () => undefined,
    resize: () => Promise.resolve(),
    exitCode: () => Promise.resolve(exitCode),
    close: () => {
      isClosed = true;
      output.end();
      return Promise.resolve();
    },
  };
  return shell;
}

async function* read(output: PassThrough): AsyncGenerator<TerminalOutput> {
  for await (const bytes of output) yield { stream: 'stdout', bytes: bytes as Uint8Array };
}
