const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z ([0-9a-f]{2})[OE]([ +])/;
const SECTION_MARK = /section_(start|end):(\d+):([^\r\n[]+)(?:\[[^\]]*\])?\r\u001b\[0K/g;
// Colours and movements of the cursor.
const ANSI = /\u001b\[[0-9;]*[A-Za-z]/g;

/**
 * A trace as a person reads it: no timestamps, section marks and colours. A line marked `+` goes on
 * where the last line of its stream ended, as in GitLab's own viewer.
 */
export function readableLog(trace: Buffer): string {
  const lines: { readonly stream: string; text: string }[] = [];
  for (const physical of trace.toString('utf8').split('\n')) {
    const [stamp = '', stream = '', mark = ' '] = STAMP.exec(physical) ?? [];
    const text = physical.slice(stamp.length);
    const previous = mark === '+' ? lines.findLast((line) => line.stream === stream) : undefined;
    if (previous === undefined) lines.push({ stream, text });
    else previous.text += text;
  }
  return lines.map(({ text }) => clean(text)).join('\n');
}

function clean(text: string): string {
  return text.replace(SECTION_MARK, '').replace(ANSI, '').replace(/\r$/, '');
}

/** Seconds from the start mark to the end mark of each section that has ended. */
export function sectionSeconds(trace: Buffer): Readonly<Record<string, number>> {
  const starts = new Map<string, number>();
  const seconds: Record<string, number> = {};
  for (const [, kind, at, name = ''] of trace.toString('utf8').matchAll(SECTION_MARK)) {
    const start = starts.get(name);
    if (kind === 'start') starts.set(name, Number(at));
    else if (start !== undefined) seconds[name] = Number(at) - start;
  }
  return seconds;
}
