import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './paths.mjs';

const FILE = 'docs/compatibility.md';
const STATES = ['same', 'better', 'differs', 'partly', 'not yet'];
const LEVELS = ['M', 'S'];

/** Finds faults of the compatibility tables: wrong sums, and files that do not exist. */
export function findCompatibilityFaults(text = readFileSync(join(ROOT, FILE), 'utf8')) {
  const rows = behavioursIn(text);
  const table = formatSums(rows);
  return [
    ...rows.filter(({ state }) => state === undefined).map(({ behaviour }) => unknown(behaviour)),
    ...(text.includes(table) ? [] : [`${FILE}: the sums at its top have to be\n${table}`]),
    ...rows.flatMap(missingTests),
    ...missingFiles(text),
  ];
}

/**
 * Reads the rows of the tables with the columns `behaviour | level | here | test`. Rare behaviours
 * are not counted.
 */
function behavioursIn(text) {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split('|').slice(1, -1))
    .map((cells) => cells.map((cell) => cell.trim()))
    .filter((cells) => cells.length === 4 && LEVELS.includes(cells[1]) && cells[0] !== 'state')
    .map(([behaviour, level, here, tests]) => ({
      ...{ behaviour, level, tests },
      state: STATES.find((state) => new RegExp(`^${state}(?![a-z])`).test(here)),
    }));
}

function formatSums(rows) {
  const count = (state, level) =>
    rows.filter((row) => (state ?? row.state) === row.state && (level ?? row.level) === row.level)
      .length;
  const line = (state, title) =>
    `| ${title} | ${LEVELS.map((level) => count(state, level)).join(' | ')} | ${count(state)} |`;
  return [...STATES.map((state) => line(state, state)), line(undefined, 'all')].join('\n');
}

function unknown(behaviour) {
  return `${FILE}: "${behaviour}" begins with none of ${STATES.join(', ')}`;
}

/** Finds the tests that do not exist. Words in parentheses are titles, and may contain code. */
function missingTests({ behaviour, tests }) {
  const names = tests.replaceAll(/\([^)]*\)/g, '').matchAll(/`([^`]+)`/g);
  return [...names]
    .filter(([, name]) => !['.test.ts', '.ts', ''].some((end) => exists(`test/${name}${end}`)))
    .map(([, name]) => `${FILE}: "${behaviour}" names the test ${name}, which is not there`);
}

function missingFiles(text) {
  const sources = [...text.matchAll(/`(src\/[^`]+)`/g)].map(([, path]) => path);
  const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path]) => join('docs', path));
  return [...sources, ...links]
    .filter((path) => !exists(path))
    .map((path) => `${FILE} names ${path}, which is not there`);
}

function exists(path) {
  return existsSync(join(ROOT, path));
}
