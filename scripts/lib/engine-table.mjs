import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './paths.mjs';
import { say } from './say.mjs';

const FILE = join(ROOT, 'docs/engines.md');
const BEGIN = '<!-- rows of `npm run engines` -->';
const HEADER = [
  '| engine | API | storage | cgroup | runtime | suites | passed | failed | skipped | failed, by name | date, revision | machine | command |',
  '|---|---|---|---|---|---|--:|--:|--:|---|---|---|---|',
];

/** Reads numbers and names from the lines of result-reporter.mjs. */
export function readCounts(file) {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const results = lines.filter((line) => line !== '').map((line) => JSON.parse(line));
  const of = (wanted) => results.filter(({ state }) => state === wanted);
  return {
    passed: of('passed').length,
    skipped: of('skipped').length,
    failed: of('failed').map(({ test, name }) => `${test}: ${name}`),
  };
}

/**
 * Writes a row of docs/engines.md, in place of an older one about the same suites on the same
 * engine.
 */
export function writeEngineRow(row) {
  const text = readFileSync(FILE, 'utf8');
  writeFileSync(FILE, withRow(text, formatRow(row)));
  say('docs/engines.md has a row of this run');
}

/** Returns the page with this row. Throws when the page has no place for rows. */
export function withRow(text, row) {
  const [before, after] = text.split(`${BEGIN}\n`);
  if (after === undefined) throw new Error(`docs/engines.md has no line ${BEGIN}`);
  const lines = after.split('\n');
  const end = lines.findIndex((line) => !line.startsWith('|') && line !== '');
  const table = end < 0 ? lines : lines.slice(0, end);
  const rest = end < 0 ? [] : lines.slice(end);
  const rows = table.filter((line) => line.startsWith('|')).slice(HEADER.length);
  const kept = rows.filter((line) => subjectOf(line) !== subjectOf(row));
  const sorted = [...kept, row].sort((one, other) =>
    one.localeCompare(other, 'en', { numeric: true }),
  );
  return [
    `${before}${BEGIN}`,
    '',
    ...HEADER,
    ...sorted,
    ...(rest.length > 0 ? ['', ...rest] : ['']),
  ].join('\n');
}

export function formatRow({ engine, counts, suites, machine, revision, date, command }) {
  const cells = [
    ...[engine.name, engine.api, engine.storage, engine.cgroup, engine.runtime],
    ...[suites.join(', '), counts.passed, counts.failed.length, counts.skipped],
    counts.failed.length === 0 ? '–' : counts.failed.join('<br>'),
    ...[`${date}, ${revision}`, machine.join('; '), `\`${command}\``],
  ];
  return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

/** Returns what a row is about: engine, API, storage, cgroup, runtime and suites. */
function subjectOf(row) {
  return row.split(' | ').slice(0, 6).join(' | ');
}
