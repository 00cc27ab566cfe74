import { parseArgs } from 'node:util';

/** The rows of the table, in its order. */
const ROWS = {
  trivial: 'a job that does nothing, from 201 to the final update, and its CPU',
  git: 'a job with sources',
  files: 'a job with sources, cache, artifact and after_script',
  twenty: 'twenty trivial jobs, four at a time',
  log: 'a job with a large log, its CPU and the memory that it adds',
  'pick-up': 'from the end of a job to the next one',
  history: 'events and size of a build with services, cache and artifact, and what a log adds',
  sleeping: 'memory of each build whose script sleeps',
  idle: 'CPU and memory of a node without jobs',
  start: 'from the start of a node to its first job request',
  version: 'the shortest command',
  limits: 'what the machine alone needs: a container, a git fetch, a log, a chain of activities',
} as const;

/** These rows take long, so they are measured only when `--only` names them. */
const GROWTH_ROWS = {
  runners: 'CPU and memory of an idle node with 1, 100 and 1,000 runners (quick: up to 100)',
  queue: 'time and CPU of each of 10 and 1,000 queued jobs (quick: 100)',
  ended: 'a job and the command "jobs" beside 10 and 10,000 ended builds (quick: 1,000)',
  nodes: 'twenty jobs, and idling, with 1, 2 and 4 nodes on this machine',
} as const;
export type Row = keyof typeof ROWS | keyof typeof GROWTH_ROWS;

export const HELP: string = `npm run bench -- [options]

Measures this runner against a fake GitLab, each figure beside what the machine needs for it alone.

  --only ROW,…         Only these rows (default: all but those of growth)
  --quick              Five runs a row, a log of 20 MB, ten idle seconds
  --runs N             How often a row is measured (default: 20, quick: 5)
  --answer-ms N        GitLab takes so long for each answer, as a real one takes 50 or 200
  --runner-cmd COMMAND Measures another runner beside this one: each row of both, one after the other.
                       "{config}" in it becomes the path of its config file.
                       TGR_TEST_HELPER_IMAGE names a helper image that serves both.
  --json FILE          Writes all figures with their values
  --check FILE         Fails when a ratio is worse than in this baseline
  --write-baseline FILE
  --help

npm run bench -- trace   measures the stages of the log alone, without a runner.

Rows:
${describeRows(ROWS)}

Rows of growth:
${describeRows(GROWTH_ROWS)}
`;

function describeRows(rows: Readonly<Record<string, string>>): string {
  const lines = Object.entries(rows).map(([name, what]) => `  ${name.padEnd(12)}${what}`);
  return lines.join('\n');
}

export interface BenchOptions {
  readonly rows: readonly Row[];
  readonly wantsHelp: boolean;
  /** How often each row is measured. Slow rows are measured less often. */
  readonly runs: number;
  readonly logMegabytes: number;
  readonly idleSeconds: number;
  /** The largest numbers that the rows of growth measure. */
  readonly largest: { readonly runners: number; readonly queued: number; readonly ended: number };
  /** How long the coordinator takes for each answer, except those of its git server. */
  readonly answerMs: number;
  /** Returns the command that starts another runner with this config file. */
  readonly runnerCommand: ((configPath: string) => readonly string[]) | undefined;
  readonly jsonFile: string | undefined;
  /** The file of a baseline to compare with. */
  readonly checkFile: string | undefined;
  readonly writeBaseline: string | undefined;
}

/** Reads the options. Throws an error with a sentence about an unknown option. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: 'boolean', default: false },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      runs: { type: 'string' },
      'answer-ms': { type: 'string', default: '0' },
      'runner-cmd': { type: 'string' },
      json: { type: 'string' },
      check: { type: 'string' },
      'write-baseline': { type: 'string' },
    },
  });
  const { quick, only } = values;
  return {
    wantsHelp: values.help,
    rows: only === undefined ? names() : only.split(',').map(readRow),
    runs: readNumber('--runs', values.runs ?? (quick ? '5' : '20')),
    logMegabytes: quick ? 20 : 100,
    idleSeconds: quick ? 10 : 60,
    largest: quick ? QUICK : FULL,
    answerMs: readNumber('--answer-ms', values['answer-ms']),
    runnerCommand: readCommand(values['runner-cmd']),
    jsonFile: values.json,
    checkFile: values.check,
    writeBaseline: values['write-baseline'],
  };
}

const QUICK = { runners: 100, queued: 100, ended: 1_000 };
const FULL = { runners: 1_000, queued: 1_000, ended: 10_000 };

function names(): readonly Row[] {
  return Object.keys(ROWS) as Row[];
}

function readRow(name: string): Row {
  const all = [...names(), ...(Object.keys(GROWTH_ROWS) as Row[])];
  const row = all.find((one) => one === name);
  if (row === undefined) throw new Error(`${name} is no row; there are ${all.join(', ')}`);
  return row;
}

function readNumber(flag: string, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new Error(`${flag} "${text}": expected a whole number`);
  return Number(text);
}

function readCommand(text: string | undefined): BenchOptions['runnerCommand'] {
  if (text === undefined) return undefined;
  const words = text.split(/\s+/).filter((word) => word !== '');
  return (configPath) => words.map((word) => word.replaceAll('{config}', configPath));
}
