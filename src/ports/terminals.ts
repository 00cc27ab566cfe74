/** The part of an engine that runs commands of people in running containers. */
export interface TerminalEngine {
  /**
   * Runs a command in a running container, beside its own process and as its user. Returns
   * undefined when there is no such container, or it does not run.
   */
  openTerminal(idOrName: string, command: TerminalCommand): Promise<ContainerTerminal | undefined>;
}

/** A command for {@link TerminalEngine.openTerminal}. */
export interface TerminalCommand {
  readonly command: readonly string[];
  /** False: stdout and stderr are distinguished, and nothing is echoed. */
  readonly hasTty: boolean;
}

/** A command that a person or program talks with. It ends with its container. */
export interface ContainerTerminal {
  /**
   * Ends with the command, or with the connection. Read it only once. The command waits while
   * nobody reads.
   */
  readonly output: AsyncIterable<TerminalOutput>;
  /** Resolves when more may be written. Bytes that are written after the end are lost. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the command's stdin. */
  endInput(): void;
  resize(size: TerminalSize): Promise<void>;
  /**
   * Returns the exit code of the command. Ask for it after the end of the output. Returns undefined
   * when the engine does not know it within a second, for example because the command still runs.
   */
  exitCode(): Promise<number | undefined>;
  /** Also ends processes that the command has left running, unless they ignore SIGHUP. */
  close(): Promise<void>;
}

/** Some bytes of a command. With a TTY all of them are `stdout`. */
export interface TerminalOutput {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

/** Size of a terminal in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}
