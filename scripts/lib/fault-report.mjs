import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { openDocker } from './docker-engine.mjs';
import { COLUMNS, sumUp, toCells } from './fault-table.mjs';
import { readRevision } from './revision.mjs';
import { SetUpError } from './say.mjs';

/** Throws before the tests, which take hours, when the report could not be written after them. */
export function checkReportName(file) {
  if (!/\.(json|md)$/.test(file)) {
    throw new SetUpError(`--report ${file}: expected a file that ends in .json or .md`);
  }
}

/**
 * Writes the table with the date and the machine: JSON for comparing two runs, Markdown for
 * reading.
 */
export async function writeFaultReport(file, { table, seed, minutes }) {
  const report = {
    date: new Date().toISOString(),
    revision: readRevision(),
    machine: await describeMachine(),
    minutes: Math.round(minutes),
    ...(seed !== undefined && { seed }),
    ...table,
  };
  const isJson = file.endsWith('.json');
  writeFileSync(file, isJson ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report));
}

function formatReport({ date, revision, machine, minutes, ...table }) {
  const row = (cells) => `| ${cells.join(' | ')} |`;
  const lines = [...table.faults, table.all].map((line) => row(toCells(line).map(escape)));
  return [
    '# Faults, measured',
    '',
    `Written by \`npm run test:faults\` on ${date.slice(0, 10)}, at revision ${revision}, in ${minutes} minutes. What the rows mean: [faults.md](faults.md).`,
    '',
    ...machine.map((line) => `- ${line}`),
    '',
    ...sumUp(table).map((line) => `- ${line.trim()}`),
    '',
    row(COLUMNS),
    row(COLUMNS.map((_, column) => (column === 0 ? '---' : '--:'))),
    ...lines,
    '',
  ].join('\n');
}

/** Escapes characters that would end a cell. */
function escape(cell) {
  return cell.replaceAll('|', '\\|');
}

/** Describes processors, memory and versions, one on each line. */
export async function describeMachine() {
  const all = cpus();
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB of memory`;
  const { Version: version, Components } = await (await openDocker()).version();
  const engine = Components?.[0]?.Name === 'Podman Engine' ? 'Podman' : 'Docker';
  return [
    `${all.length} × ${all[0]?.model.trim() ?? 'a processor'}, ${memory}`,
    `Linux ${release()}, ${engine} ${version}, Node ${process.version}`,
  ];
}
