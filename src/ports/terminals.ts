/** The part of an engine that runs commands of people in running containers. */
export interface TerminalEngine {
  /**
   * Runs a command in a running container, beside its own process and as its user. undefined when
   * there is no such container, or it does not run.
   */
  openTerminal(idOrName: string, command: TerminalCommand): Promise<ContainerTerminal | undefined>;
}

/** A command for {@link TerminalEngine.openTerminal}. */
export interface TerminalCommand {
  readonly command: readonly string[];
  /** False: stdout and stderr are told apart, and nothing is echoed. */
  readonly hasTty: boolean;
}

/** A command that somebody talks with. It ends with its container. */
export interface ContainerTerminal {
  /** Ends with the command, or with the connection. To be read once. Not reading holds the command up. */
  readonly output: AsyncIterable<TerminalOutput>;
  /** Resolves when more may be written. What is written after the end is lost. */
  write(bytes: Uint8Array): Promise<void>;
  /** The end of the command's stdin. */
  endInput(): void;
  resize(size: TerminalSize): Promise<void>;
  /**
   * Exit code of the command, to be asked for after the end of the output. undefined where the
   * engine does not know it within a second, as while the command still runs.
   */
  exitCode(): Promise<number | undefined>;
  /** Also ends what the command has left running, unless that ignores SIGHUP. */
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
