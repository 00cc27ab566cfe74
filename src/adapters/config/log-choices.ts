// This file is apart from the schema, because the command line needs it before it loads the code
// that checks a config file.

/** Levels of `log_level`, in gitlab-runner's spelling. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'warning', 'error', 'fatal', 'panic'] as const;

/**
 * Returns the level that a text names, in any case; undefined when it names none. gitlab-runner
 * knows `trace` too, which says no more than `debug` here. Source: logrus (ParseLevel).
 */
export function logLevelOf(text: string): string | undefined {
  const level = text.toLowerCase();
  return level === 'trace' ? 'debug' : LOG_LEVELS.find((known) => known === level);
}

/** Formats of `log_format`. */
export const LOG_FORMATS = ['runner', 'text', 'json'] as const;
