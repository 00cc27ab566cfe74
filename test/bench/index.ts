import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { readRevision } from '../../src/worker/machine/revision.ts';
import { baselineOf, findSlower, type Baseline } from './baseline.ts';
import { measureFullHistory, measureSleeping } from './build-rows.ts';
import { measureEnded, measureNodes, measureQueue, measureRunners } from './growth-rows.ts';
import { besideOther, formatTable, ratioOf, shareOf, type Figure } from './figure.ts';
import { measureFiles, measureGit, measureLog, measureTrivial, measureTwenty } from './job-rows.ts';
import { measureLimits } from './limit-rows.ts';
import { measureIdle, measurePickUp, measureStart, measureVersion } from './node-rows.ts';
import { HELP, readOptions, type BenchOptions, type Row } from './options.ts';
import { benchTraceStages } from './trace-stages.ts';

// `npm run bench` measures and prints a table. With `--check` it fails when a figure has become
// slower.

const MEASURES: Readonly<Record<Row, (options: BenchOptions) => Promise<readonly Figure[]>>> = {
  trivial: measureTrivial,
  git: measureGit,
  files: measureFiles,
  twenty: measureTwenty,
  log: measureLog,
  'pick-up': measurePickUp,
  history: measureFullHistory,
  sleeping: measureSleeping,
  idle: measureIdle,
  start: measureStart,
  version: measureVersion,
  limits: measureLimits,
  runners: measureRunners,
  queue: measureQueue,
  ended: measureEnded,
  nodes: measureNodes,
};

const args = process.argv.slice(2);
if (args[0] === 'trace') {
  // `trace` measures only the stages of the log, without a runner.
  process.stdout.write(`${await benchTraceStages()}\n`);
  process.exit();
}
const options = readOptions(args);
if (options.wantsHelp) {
  process.stdout.write(HELP);
  process.exit();
}
const machine = {
  ...{ date: new Date().toISOString(), revision: readRevision(), node: process.version },
  ...{ processor: cpus()[0]?.model ?? '', cores: availableParallelism() },
  ...{ loadBefore: loadavg()[0] ?? 0, answerMs: options.answerMs, runs: options.runs },
};
const figures: Figure[] = [];
for (const row of options.rows) {
  process.stderr.write(`… ${row}\n`);
  figures.push(...(await measure(row)));
}
const described = Object.entries(machine).map(([name, value]) => `${name} ${value}`);
process.stdout.write(`${described.join(' · ')}\n\n${formatTable(figures)}\n`);
if (options.jsonFile !== undefined) {
  const all = figures.map((figure) => ({
    ...{ ...figure, ratio: ratioOf(figure), share: shareOf(figure) },
  }));
  await writeJson(options.jsonFile, { ...machine, figures: all });
}
if (options.writeBaseline !== undefined) {
  await writeJson(options.writeBaseline, baselineOf(figures));
}
if (options.checkFile !== undefined) {
  const baseline = JSON.parse(await readFile(options.checkFile, 'utf8')) as Baseline;
  const slower = findSlower(figures, baseline);
  process.stdout.write(slower.map((line) => `slower: ${line}\n`).join(''));
  process.exitCode = slower.length === 0 ? 0 : 1;
}

/** Measures this runner first, and the other one right after it. */
async function measure(row: Row): Promise<readonly Figure[]> {
  const own = await MEASURES[row]({ ...options, runnerCommand: undefined });
  if (options.runnerCommand === undefined) return own;
  process.stderr.write(`… ${row}, the other runner\n`);
  return besideOther(own, await MEASURES[row](options));
}

async function writeJson(file: string, content: unknown): Promise<void> {
  await writeFile(file, `${JSON.stringify(content, undefined, 2)}\n`);
}
