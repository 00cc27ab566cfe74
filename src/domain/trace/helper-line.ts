import { BOLD_RED, RESET, YELLOW } from '../colours.ts';

/** The level of a line from gitlab-runner's helper program, which determines its prefix. */
export type HelperLineLevel = 'info' | 'warning' | 'error' | 'fatal';

const MESSAGE_WIDTH = 50;

/** The look of a line by its level. */
export const HELPER_LINE_LEVELS: Readonly<
  Record<HelperLineLevel, { readonly color: string; readonly prefix: string }>
> = {
  info: { color: '', prefix: '' },
  warning: { color: YELLOW, prefix: 'WARNING: ' },
  error: { color: BOLD_RED, prefix: 'ERROR: ' },
  fatal: { color: BOLD_RED, prefix: 'FATAL: ' },
};

/** A line in the style of gitlab-runner's helper program. */
export interface HelperLine {
  readonly level: HelperLineLevel;
  readonly text: string;
  /** Printed after the text, by name. */
  readonly fields?: Readonly<Record<string, string | number>>;
}

/**
 * Formats a line about work that gitlab-runner leaves to its helper program: archives, uploads,
 * downloads. It is not masked yet. Source: gitlab-runner `log/runner_formatter.go`.
 */
export function formatHelperLine({ level, text, fields = {} }: HelperLine): string {
  const { color, prefix } = HELPER_LINE_LEVELS[level];
  const padded = text.padEnd(MESSAGE_WIDTH - prefix.length);
  const details = Object.entries(fields)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => ` ${color}${name}${RESET}=${value}`);
  return `${color}${prefix}${padded}${RESET} ${details.join('')}\n`;
}
