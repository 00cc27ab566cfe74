import assert from 'node:assert/strict';
import type { FakeJob } from '../fake-gitlab/types.ts';

/** The result of a job without a fault. */
export interface Whole {
  /** The lines of the trace as `timeless` returns them. */
  readonly trace: readonly string[];
  readonly starts: number;
}

const SOURCES_CUT_OFF =
  /(?:^.*correlation ID(?:(?!correlation ID|section_end)[^])*WARNING: (?:git lost its connection|GitLab is waited for).*\n)+/gm;

/** Returns the lines of a trace without ids, times and other differences between jobs. */
export function timeless({ id, trace }: FakeJob): readonly string[] {
  const text = trace
    .toString('latin1')
    .replaceAll(/section_(start|end):\d+:/g, 'section_$1:<time>:')
    .replaceAll(/correlation ID: \w+/g, 'correlation ID: <id>')
    .replaceAll(/ (correlation_id|token)\u001b\[0;m=[\w-]+/g, ' $1=<id>')
    // Another test on the same Docker may have tagged the image with its registry meanwhile.
    .replaceAll(/ with digest \S+/g, '')
    // It depends on earlier jobs whether the volume of the project already exists.
    .replaceAll('Reinitialized existing Git', 'Initialized empty Git')
    .replaceAll('Removing made.txt\n', '')
    // Lines about a repeated upload are allowed.
    .replaceAll(/^.*(?:WARNING|ERROR): (?:Uploading artifacts|Retrying\.\.\.).*\n/gm, '')
    // Lines about a wait of the preparation are allowed.
    .replaceAll(/^.*WARNING: Docker is waited for: .*\n/gm, '')
    .replaceAll(/^.*ERROR: Preparation failed: .*\n.*Will be retried in .*\n/gm, '')
    // Lines of a repeated fetch of the sources are allowed.
    .replaceAll(/^.*Created fresh repository\..*\n/gm, '')
    .replaceAll(SOURCES_CUT_OFF, '')
    .replaceAll(`${id}`, '<job>');
  const [preparation = '', ...rest] = text.split('section_end:<time>:prepare_executor');
  // Two images are inspected at the same time, so the order of these lines varies.
  return [...preparation.split('\n').sort(), ...rest.join('').split('\n')];
}

/** Fails when the trace differs from that of the job without a fault. */
export function assertWhole(job: FakeJob, { trace }: Whole): void {
  const actual = timeless(job);
  const index = trace.findIndex((line, at) => line !== actual[at]);
  if (index === -1 && actual.length === trace.length) return;
  const at = index === -1 ? trace.length : index;
  assert.fail(
    `the trace is another one than without a fault, from its line ${at} on:\n` +
      `${JSON.stringify(actual.slice(at, at + 3))}\ninstead of\n` +
      `${JSON.stringify(trace.slice(at, at + 3))}\nall of it:\n${job.log}`,
  );
}

/** Counts the bytes of the lines that are only in the trace of the job without a fault. */
export function countLostBytes(job: FakeJob, { trace }: Whole): number {
  const left = new Map<string, number>();
  for (const line of timeless(job)) left.set(line, (left.get(line) ?? 0) + 1);
  let lostBytes = 0;
  for (const line of trace) {
    const count = left.get(line) ?? 0;
    if (count === 0) lostBytes += line.length + 1;
    else left.set(line, count - 1);
  }
  return lostBytes;
}
