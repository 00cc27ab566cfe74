/** What a line is about, as `key=value` behind it; in the order of the keys. */
export type HelperLineFields = Readonly<Record<string, string | number>>;

export type HelperLineLevel = 'info' | 'warning' | 'error' | 'fatal';

const RESET = '\u001b[0;m';
const MESSAGE_WIDTH = 50;

const STYLES: Readonly<
  Record<HelperLineLevel, { readonly color: string; readonly prefix: string }>
> = {
  info: { color: '', prefix: '' },
  warning: { color: '\u001b[0;33m', prefix: 'WARNING: ' },
  error: { color: '\u001b[31;1m', prefix: 'ERROR: ' },
  fatal: { color: '\u001b[31;1m', prefix: 'FATAL: ' },
};

/**
 * A line about caches or artifacts as gitlab-runner's helper prints it, with its line end. Not masked
 * yet. Source: gitlab-runner `log/runner_formatter.go`.
 */
export function formatHelperLine(
  level: HelperLineLevel,
  message: string,
  fields: HelperLineFields = {},
): string {
  const { color, prefix } = STYLES[level];
  const padded = message.padEnd(MESSAGE_WIDTH - prefix.length);
  const shown = Object.entries(fields)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => ` ${color}${key}${RESET}=${value}`);
  return `${color}${prefix}${padded}${RESET} ${shown.join('')}\n`;
}
