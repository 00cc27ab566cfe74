import { existsSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { ROOT } from './paths.mjs';

const SHOWN_FILES = 10;

/** Durations of the test files that this process has run, in milliseconds. */
const durations = new Map();

/** Reads the lines of `duration-reporter.mjs` from a file. A missing file has no lines. */
export function addDurations(results) {
  if (!existsSync(results)) return;
  for (const line of readFileSync(results, 'utf8').split('\n')) {
    if (line === '') continue;
    const { file, ms } = JSON.parse(line);
    durations.set(file, (durations.get(file) ?? 0) + ms);
  }
}

/** Formats the test files that took longest, one on each line. The slowest one comes first. */
export function formatSlowest() {
  const slowest = [...durations].sort(([, a], [, b]) => b - a).slice(0, SHOWN_FILES);
  const lines = slowest.map(([file, ms]) => {
    const name = relative(ROOT, file).replace(/^(?:dist\/)?test\/|\.test\.[jt]s$/g, '');
    return `${(ms / 1000).toFixed(1).padStart(7)} s  ${name}`;
  });
  return ['\nslowest test files:', ...lines].join('\n');
}
