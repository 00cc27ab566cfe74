import { existsSync, readFileSync } from 'node:fs';

const COLUMNS = [
  'fault',
  'moments',
  'runs',
  'failed',
  'lost bytes',
  'double runs',
  'leftovers',
  'recovery p50',
  'p99',
];
/** The values that must be zero, and their names for a message when they are not. */
const MUST_BE_ZERO = {
  failed: 'failed',
  lostBytes: 'lost bytes',
  doubleRuns: 'double runs',
  leftovers: 'leftovers',
};

/**
 * Reads the results of the fault suite, fault by fault: how often each was tried, at which moments,
 * and the values that must be zero. `file` holds a row for each trial, see
 * test/support/faults/fault-report.ts. `suites` are the names of the test files: one that could not
 * begin, or was skipped, has no row.
 */
export function readFaultTable(file, suites = []) {
  const rows = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  const trials = rows.map((row) => JSON.parse(row));
  const faults = [...new Set(trials.map(({ fault }) => fault))].sort();
  return {
    faults: faults.map((fault) => ({
      fault,
      ...summarize(trials.filter((trial) => trial.fault === fault)),
    })),
    all: { fault: 'all', ...summarize(trials) },
    silent: suites.filter((name) => trials.every(({ suite }) => suite !== name)),
  };
}

/** Formats the table for a terminal, with the sum in words below. */
export function formatFaultTable(table) {
  const lines = [COLUMNS, ...[...table.faults, table.all].map(toCells)];
  const widths = COLUMNS.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const text = lines.map((line) =>
    line.map((cell, column) => pad(cell, widths[column], column)).join('  '),
  );
  return [...text, '', ...sumUp(table)].join('\n');
}

/**
 * Returns one sentence, and another one for each fault after which a value is not zero, and for
 * each missing suite.
 */
export function sumUp(table) {
  const missing = table.silent.map(
    (suite) => `NOTHING was injected by ${suite}: skipped, or broken`,
  );
  return [...sumUpFaults(table), ...missing];
}

function sumUpFaults({ faults, all }) {
  const injected = `${all.runs} faults injected, of ${faults.length} kinds, at ${all.moments} moments`;
  if (all.runs === 0) return ['no fault was injected'];
  const bad = faults.filter((row) => Object.keys(MUST_BE_ZERO).some((key) => row[key] > 0));
  if (bad.length === 0) return [`${injected}: nothing failed, was lost, run twice or left over`];
  return [`${injected}. NOT ZERO:`, ...bad.map((row) => `  ${row.fault}: ${nameFaults(row)}`)];
}

/** Returns the cells of a row, in the order of `COLUMNS`. */
export function toCells(row) {
  const { fault, moments, runs, failed, lostBytes, doubleRuns, leftovers } = row;
  const recovery = [row.recoveryP50Ms, row.recoveryP99Ms].map(
    (ms) => `${(ms / 1000).toFixed(1)} s`,
  );
  return [fault, moments, runs, failed, lostBytes, doubleRuns, leftovers, ...recovery].map(String);
}

export { COLUMNS };

function nameFaults(row) {
  const bad = Object.entries(MUST_BE_ZERO).filter(([key]) => row[key] > 0);
  return bad.map(([key, name]) => `${row[key]} ${name}`).join(', ');
}

function summarize(trials) {
  const sum = (read) => trials.reduce((total, trial) => total + read(trial), 0);
  const recoveries = trials.map(({ recoveryMs }) => recoveryMs).sort((a, b) => a - b);
  return {
    moments: new Set(trials.map(({ moment }) => moment)).size,
    runs: trials.length,
    failed: sum(({ isGood }) => (isGood ? 0 : 1)),
    lostBytes: sum(({ lostBytes }) => lostBytes ?? 0),
    doubleRuns: sum(({ doubleRuns }) => doubleRuns),
    leftovers: sum(({ leftovers }) => leftovers),
    recoveryP50Ms: percentile(recoveries, 0.5),
    recoveryP99Ms: percentile(recoveries, 0.99),
  };
}

function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** Aligns words to the left and numbers to the right. */
function pad(cell, width, column) {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}
