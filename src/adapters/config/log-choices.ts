// Apart from the schema: the command line needs them before it loads what checks a config file.

/** Levels of `log_level`, in gitlab-runner's spelling. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'warning', 'error', 'fatal', 'panic'] as const;

/** Formats of `log_format`. */
export const LOG_FORMATS = ['runner', 'text', 'json'] as const;
