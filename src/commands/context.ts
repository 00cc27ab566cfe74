import type { Readable, Writable } from 'node:stream';
import type { AdjustableLog } from '../adapters/log/log.ts';
import type { ProgramInfo } from '../domain/context/context.ts';
import type { CommandPorts } from './ports.ts';

/** The process as a command sees it. Tests pass another one. */
export interface CommandIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input: Readable;
  readonly stdout: Terminal;
  readonly stderr: Terminal;
}

/** An output that may be a terminal. */
export type Terminal = Writable & {
  readonly isTTY?: boolean;
  readonly rows?: number;
  readonly columns?: number;
  hasColors?(): boolean;
};

/** Settings from the command line or the environment, which override the config file. */
export interface LogSettings {
  readonly level: string | undefined;
  readonly format: string | undefined;
}

export interface CommandContext {
  readonly io: CommandIo;
  readonly ports: CommandPorts;
  readonly program: ProgramInfo;
  /** Returns the log settings. Call it only in an action, when the options have been read. */
  logSettings(): LogSettings;
  log(): AdjustableLog;
  /** Sets the exit code of a command that fails without an error. */
  setExitCode(code: number): void;
}
