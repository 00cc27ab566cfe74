import { joinBytes } from '../join-bytes.ts';

/** Consecutive bytes of one stream of a container. */
export interface LogRun {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Uint8Array;
}

/** The kinds of marks: one for the beginning of a stage, and one for its successful end. */
export type MarkKind = 'begins' | 'ends';

/**
 * Formats a mark. The first process of a container writes this line to its own stdout and stderr
 * when a stage begins, and when the stage has ended with exit code 0. The engine keeps the order of
 * each stream, so a reader who has found the line has read everything before it. Marks are never
 * shown: see `withoutMarks`.
 */
export function formatMark(nonce: string, kind: MarkKind): string {
  return `temporal-gitlab-runner: ${nonce} ${kind}`;
}

const MARK = /temporal-gitlab-runner: [\w-]{1,64} (?:begins|ends)\n/g;

/**
 * How far a followed log has come. `before`: the mark of the beginning is missing in a stream.
 * `script`: the script runs and has written nothing into the log. `spoken`: the script has written
 * something. `end`: the script has ended and has written nothing.
 */
export type LogPhase = 'before' | 'script' | 'spoken' | 'end';

/** Finds the marks of one stage in the log of its container. */
export interface MarkReader {
  /** Reads the next bytes of the log, and returns how far the log has come. */
  read(run: LogRun): LogPhase;
}

/** Creates a reader for the marks of the stage with this nonce. It keeps everything in memory. */
export function createMarkReader(nonce: string): MarkReader {
  const streams = { stdout: createStreamReader(nonce), stderr: createStreamReader(nonce) };
  return {
    read: ({ stream, bytes }) => {
      streams[stream].read(textOf(bytes));
      const phases = [streams.stdout.phase(), streams.stderr.phase()];
      if (phases.includes('before')) return 'before';
      if (phases.includes('spoken')) return 'spoken';
      return phases.includes('script') ? 'script' : 'end';
    },
  };
}

interface StreamReader {
  read(text: string): void;
  phase(): LogPhase;
}

function createStreamReader(nonce: string): StreamReader {
  const begin = `${formatMark(nonce, 'begins')}\n`;
  const end = `${formatMark(nonce, 'ends')}\n`;
  let before = '';
  /** Everything after the mark of the beginning; undefined before that mark. */
  let after: string | undefined;
  return {
    read: (text) => {
      if (after !== undefined) {
        after += text;
        return;
      }
      const from = Math.max(0, before.length - begin.length);
      before += text;
      const at = before.indexOf(begin, from);
      if (at >= 0) after = before.slice(at + begin.length);
    },
    phase: () => {
      if (after === undefined) return 'before';
      if (after === end) return 'end';
      return end.startsWith(after) ? 'script' : 'spoken';
    },
  };
}

/** Returns the log without the marks of any stage. A mark may be spread over runs of its stream. */
export function withoutMarks(runs: readonly LogRun[]): readonly LogRun[] {
  const kept = { stdout: keptRanges(runs, 'stdout'), stderr: keptRanges(runs, 'stderr') };
  const read = { stdout: 0, stderr: 0 };
  return runs.flatMap(({ stream, bytes }) => {
    const startByte = read[stream];
    read[stream] += bytes.length;
    return kept[stream]
      .map(([from, to]) =>
        bytes.subarray(Math.max(0, from - startByte), Math.max(0, to - startByte)),
      )
      .filter(({ length }) => length > 0)
      .map((part) => ({ stream, bytes: part }));
  });
}

type Range = readonly [startByte: number, endByte: number];

/** Returns the parts of a stream between its marks. */
function keptRanges(runs: readonly LogRun[], stream: LogRun['stream']): readonly Range[] {
  const own = runs.filter((run) => run.stream === stream);
  const text = textOf(joinBytes(own.map(({ bytes }) => bytes)));
  const ranges: Range[] = [];
  let startByte = 0;
  for (const { index, 0: mark } of text.matchAll(MARK)) {
    ranges.push([startByte, index]);
    startByte = index + mark.length;
  }
  return [...ranges, [startByte, Infinity]];
}

/** One character for each byte. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder('latin1').decode(bytes);
}
