/** A line begins with `…Z 01O `. `…Z 01O+` continues the line before. */
const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [0-9a-f]{2}[EO][ +]/;
const TIMESTAMP_LENGTH = 32;
const SECTION = /section_(start|end):(\d+):([a-zA-Z0-9_.-]+)(?:\[[^\]\r\n]*\])?\r\x1b\[0K/g;
const ANSI = /\x1b[@-_].*?[@-~]/g;

/**
 * Returns the trace as plain text that shows what GitLab's viewer shows: without timestamps,
 * colours and section marks, with continued lines joined, and without overwritten text and empty
 * lines. Source: GitLab `lib/gitlab/ci/ansi2json/converter.rb`.
 */
export function cleanLog(trace: string): string {
  return joinLines(trace)
    .flatMap((line) => line.replace(SECTION, '\n').split('\n'))
    .map(cleanLine)
    .filter((line) => line !== '')
    .join('\n');
}

/**
 * Returns the physical lines without their timestamps. A `+` line is appended to the line before.
 */
function joinLines(trace: string): readonly string[] {
  const lines = trace.split('\n');
  if (!TIMESTAMP.test(lines[0] ?? '')) return lines;
  const joined: string[] = [];
  for (const line of lines) {
    const text = TIMESTAMP.test(line) ? line.slice(TIMESTAMP_LENGTH) : line;
    const isContinued = line[TIMESTAMP_LENGTH - 1] === '+' && TIMESTAMP.test(line);
    if (isContinued && joined.length > 0) joined.push(`${joined.pop()}${text}`);
    else joined.push(text);
  }
  return joined;
}

function cleanLine(line: string): string {
  const plain = line.replace(ANSI, '').replace(/\r+$/, '');
  return plain.slice(plain.lastIndexOf('\r') + 1).trimEnd();
}

/** Returns the duration in whole seconds of each section that has ended, by its name. */
export function sectionSeconds(trace: string): Readonly<Record<string, number>> {
  const starts = new Map<string, number>();
  const seconds: Record<string, number> = {};
  for (const [, edge, time, name = ''] of joinLines(trace).join('\n').matchAll(SECTION)) {
    const start = starts.get(name);
    if (edge === 'start') starts.set(name, Number(time));
    else if (start !== undefined) seconds[name] = Number(time) - start;
  }
  return seconds;
}
