import { pino } from 'pino';
import type { Log, LogFields } from '../../ports/index.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { formatJson, formatRunner, formatText, type LogEvent } from './formats.ts';
import { presentFields } from './fields.ts';

export interface LogOptions {
  /** The level in gitlab-runner's spelling: debug, info, warn or warning, error, fatal, panic. */
  readonly level: string;
  readonly format: string;
  readonly output?: LogOutput;
}

export interface LogOutput {
  readonly write: (line: string) => void;
  readonly isColored: boolean;
}

/** A log whose level and format follow the config file while the program runs. */
export interface AdjustableLog extends Log {
  /** Tells why the program ends. Written at every level. */
  fatal(message: string, fields?: LogFields): void;
  setLevel(level: string): void;
  setFormat(format: string): void;
}

const PINO_LEVELS = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  fatal: 'fatal',
  panic: 'fatal',
} as const;

type PinoLevel = (typeof PINO_LEVELS)[keyof typeof PINO_LEVELS];

/** gitlab-runner's words for the levels, because people search logs for them. */
const LEVEL_WORDS: Readonly<Record<string, string>> = { warn: 'warning' };

/**
 * Creates a log that writes one line for each event. Everything that looks like a secret is masked,
 * whoever logs it.
 */
export function createLog({ level, format, output = standardError() }: LogOptions): AdjustableLog {
  let formatEvent = readFormat(format);
  const sink = {
    write: (line: string) => {
      output.write(`${formatEvent(JSON.parse(line) as LogEvent, output.isColored)}\n`);
    },
  };
  const logger = pino(
    {
      base: null,
      level: readLevel(level),
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: LEVEL_WORDS[label] ?? label }) },
    },
    sink,
  );
  const say =
    (at: PinoLevel) =>
    (message: string, fields: LogFields = {}): void => {
      if (!logger.isLevelEnabled(at)) return;
      const withStack = logger.level === 'debug';
      logger[at](presentFields({ message, fields, withStack }), undefined);
    };
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    fatal: say('fatal'),
    setLevel: (next) => (logger.level = readLevel(next)),
    setFormat: (next) => (formatEvent = readFormat(next)),
  };
}

function readLevel(level: string): PinoLevel {
  const known = level.toLowerCase();
  if (isKey(PINO_LEVELS, known)) return PINO_LEVELS[known];
  throw notAllowed('log level', level, Object.keys(PINO_LEVELS));
}

const FORMATS = { json: formatJson, text: formatText, runner: formatRunner } as const;

function readFormat(format: string): (event: LogEvent, isColored: boolean) => string {
  if (isKey(FORMATS, format)) return FORMATS[format];
  throw notAllowed('log format', format, Object.keys(FORMATS));
}

function isKey<T extends object>(object: T, key: PropertyKey): key is keyof T {
  return Object.hasOwn(object, key);
}

function notAllowed(what: string, value: string, allowed: readonly string[]): FinalError {
  const message = `${what} "${value}" is unknown: expected one of ${allowed.join(', ')}`;
  return new FinalError(FailureType.InvalidConfig, message);
}

/**
 * Writes to stderr. Colours are used only on a terminal that supports them, and not with NO_COLOR:
 * `hasColors` checks both.
 */
function standardError(): LogOutput {
  return {
    write: (line) => void process.stderr.write(line),
    isColored: process.stderr.isTTY && process.stderr.hasColors(),
  };
}
