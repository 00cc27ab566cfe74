import { RESET } from '../../domain/colours.ts';
import { HELPER_LINE_LEVELS } from '../../domain/trace/helper-line.ts';

/** One event with its fields as JSON values. */
export interface LogEvent {
  readonly level: string;
  readonly time: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export function formatJson(event: LogEvent): string {
  return oneLine(JSON.stringify(event));
}

/**
 * Formats a line of logfmt: `time="…" level=info msg="…" key=value`. Source: logrus TextFormatter.
 */
export function formatText({ time, level, msg, ...fields }: LogEvent): string {
  const pairs = Object.entries(fields).sort(byName);
  const line = [['time', time], ['level', level], ['msg', msg], ...pairs]
    .map(([key, value]) => `${key}=${quoteWhenNeeded(showValue(value))}`)
    .join(' ');
  return oneLine(line);
}

const LOOKS: Readonly<Record<string, { readonly color: string; readonly prefix: string }>> = {
  ...HELPER_LINE_LEVELS,
  debug: { color: '\u001b[1m', prefix: '' },
};
const MESSAGE_COLUMNS = 50;

/** Formats a line as gitlab-runner does. Source: gitlab-runner `log/runner_formatter.go`. */
export function formatRunner(event: LogEvent, isColored: boolean): string {
  const { level, msg, ...fields } = event;
  const { color, prefix } = LOOKS[level] ?? HELPER_LINE_LEVELS.info;
  const [begin, end] = isColored ? [color, RESET] : ['', ''];
  const message = oneLine(msg).padEnd(MESSAGE_COLUMNS - prefix.length);
  const pairs = Object.entries(fields)
    .filter(([key]) => key !== 'time')
    .sort(byName)
    .map(([key, value]) => ` ${begin}${key}${end}=${oneLine(showValue(value))}`);
  return `${begin}${prefix}${message}${end} ${pairs.join('')}`;
}

function byName([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

function showValue(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) {
    return value.join(',');
  }
  return JSON.stringify(value);
}

function quoteWhenNeeded(text: string): string {
  return /^[\w\-./@^+]+$/.test(text) ? text : JSON.stringify(text);
}

/**
 * Removes line ends and control characters. A value must neither begin a new line nor control the
 * terminal.
 */
function oneLine(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (control) => {
    const known = JSON.stringify(control).slice(1, -1);
    return known.length > 1 ? known : `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
