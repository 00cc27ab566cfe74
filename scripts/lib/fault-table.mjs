import { existsSync, readFileSync } from 'node:fs';

/**
 * What the suite of faults has found, fault by fault: how often each was tried, at which moments, and
 * what must be zero. `file` holds a row for each trial, see test/support/fault-report.ts.
 */
export function formatFaultTable(file) {
  const rows = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  const trials = rows.map((row) => JSON.parse(row));
  const faults = [...new Set(trials.map(({ fault }) => fault))].sort();
  const table = [
    [
      'fault',
      'moments',
      'runs',
      'failed',
      'lost bytes',
      'double runs',
      'leftovers',
      'recovery p50',
      'p99',
    ],
    ...faults.map((fault) => [
      fault,
      ...summarize(trials.filter((trial) => trial.fault === fault)),
    ]),
    ['all', ...summarize(trials)],
  ];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  return table
    .map((row) => row.map((cell, column) => pad(cell, widths[column], column)).join('  '))
    .join('\n');
}

function summarize(trials) {
  const sum = (read) => trials.reduce((total, trial) => total + read(trial), 0);
  const recoveries = trials.map(({ recoveryMs }) => recoveryMs).sort((a, b) => a - b);
  return [
    new Set(trials.map(({ moment }) => moment)).size,
    trials.length,
    sum(({ isGood }) => (isGood ? 0 : 1)),
    sum(({ lostBytes }) => lostBytes ?? 0),
    sum(({ doubleRuns }) => doubleRuns),
    sum(({ leftovers }) => leftovers),
    seconds(percentile(recoveries, 0.5)),
    seconds(percentile(recoveries, 0.99)),
  ].map(String);
}

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** Words to the left, numbers to the right. */
function pad(cell, width, column) {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
