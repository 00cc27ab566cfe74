import type { Readable, Writable } from 'node:stream';
import type { AdjustableLog } from '../adapters/log/log.ts';
import type { ProgramInfo } from '../domain/context/context.ts';

/** The process as a command sees it; tests hand in another. */
export interface CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable & { readonly isTTY?: boolean; hasColors?(): boolean };
}

/** What is on the command line or in the environment: it goes before the config file. */
export interface LogSettings {
  readonly level: string | undefined;
  readonly format: string | undefined;
}

export interface CommandContext {
  readonly io: CommandIo;
  readonly program: ProgramInfo;
  /** To be called in an action: the options are read by then. */
  logSettings(): LogSettings;
  log(): AdjustableLog;
  /** A command that fails without an error to throw says so here. */
  setExitCode(code: number): void;
}
