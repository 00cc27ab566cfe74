import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { ROOT } from './paths.mjs';

const SHOWN_FILES = 10;

/** Milliseconds of each file of tests that this process has run. */
const durations = new Map();

/** Takes the lines of `duration-reporter.mjs` from a file; a missing one has none. */
export function addDurations(results) {
  if (!existsSync(results)) return;
  for (const line of readFileSync(results, 'utf8').split('\n')) {
    if (line === '') continue;
    const { file, ms } = JSON.parse(line);
    durations.set(file, (durations.get(file) ?? 0) + ms);
  }
}

/** The files of tests that took longest, the slowest first, one on each line. */
export function formatSlowest() {
  const slowest = [...durations].sort(([, a], [, b]) => b - a).slice(0, SHOWN_FILES);
  const lines = slowest.map(([file, ms]) => {
    const name = relative(ROOT, file).replace(/^(?:dist\/)?test\/|\.test\.[jt]s$/g, '');
    return `${(ms / 1000).toFixed(1).padStart(7)} s  ${name}`;
  });
  return ['\nslowest test files:', ...lines].join('\n');
}
