// This file is apart from the schema, because the command line needs it before it loads the code
// that checks a config file.

/** Levels of `log_level`, in gitlab-runner's spelling. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'warning', 'error', 'fatal', 'panic'] as const;

/** Formats of `log_format`. */
export const LOG_FORMATS = ['runner', 'text', 'json'] as const;
