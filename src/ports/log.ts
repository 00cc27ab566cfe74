/** Structured log of the program. Each line has a constant message and fields. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Values that belong to a message. They must not contain secrets. */
export type LogFields = Readonly<Record<string, unknown>>;
