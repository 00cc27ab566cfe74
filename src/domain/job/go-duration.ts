const NANOSECONDS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3, // U+00B5, micro sign
  μs: 1e3, // U+03BC, Greek mu
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Go keeps durations in 64 bits of nanoseconds, about 292 years. */
const MAX_NANOSECONDS = 2 ** 63;
const NANOSECONDS_PER_MS = 1e6;
const WHOLE = /^[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/;
const TERM = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
/** No real duration is longer. The limit keeps matching cheap. */
const MAX_LENGTH = 200;

/**
 * Milliseconds of a duration such as `1h30m` or `1.5s`, with its sign and possibly a fraction.
 * undefined when it is malformed, or too long for Go. Source: Go `time.ParseDuration`.
 */
export function parseGoDuration(text: string): number | undefined {
  if (/^[-+]?0$/.test(text)) return 0;
  if (text.length > MAX_LENGTH || !WHOLE.test(text)) return undefined;
  let nanoseconds = 0;
  for (const [, number = '', unit = ''] of text.matchAll(TERM)) {
    nanoseconds += Number(number) * (NANOSECONDS_PER_UNIT[unit] ?? 0);
  }
  if (nanoseconds >= MAX_NANOSECONDS) return undefined;
  return ((text.startsWith('-') ? -1 : 1) * Math.trunc(nanoseconds)) / NANOSECONDS_PER_MS;
}

/**
 * Formats a duration of at least 0 milliseconds as Go does: `1h0m0s`, `1m30.5s`, `500ms`. Rounded
 * to whole milliseconds. Source: Go `time.Duration.String`.
 */
export function formatGoDuration(durationMs: number): string {
  const totalMs = Math.max(0, Math.round(durationMs));
  if (totalMs === 0) return '0s';
  if (totalMs < 1000) return `${totalMs}ms`;
  const seconds = (totalMs % 60_000) / 1000;
  const minutes = Math.floor(totalMs / 60_000);
  if (minutes === 0) return `${seconds}s`;
  if (minutes < 60) return `${minutes}m${seconds}s`;
  return `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}s`;
}
