import { parseArgs } from 'node:util';

/** Rows of the table, in its order. */
const ROWS = [
  'trivial',
  'git',
  'files',
  'twenty',
  'log',
  'pick-up',
  'history',
  'idle',
  'start',
  'version',
] as const;
export type Row = (typeof ROWS)[number];

export interface BenchOptions {
  readonly rows: readonly Row[];
  /** How often each row is measured; slow ones less often. */
  readonly runs: number;
  readonly logMegabytes: number;
  readonly idleSeconds: number;
  /** How long the coordinator takes for each answer but those of its git server. */
  readonly answerMs: number;
  /** The command that starts another runner with this config file. */
  readonly runnerCommand: ((configPath: string) => readonly string[]) | undefined;
  readonly jsonFile: string | undefined;
  /** A baseline to compare with, or to write. */
  readonly checkFile: string | undefined;
  readonly writeBaseline: string | undefined;
}

/** Throws an error with a sentence about an unknown option. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
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
    rows: only === undefined ? ROWS : only.split(',').map(readRow),
    runs: readNumber('--runs', values.runs ?? (quick ? '5' : '20')),
    logMegabytes: quick ? 20 : 100,
    idleSeconds: quick ? 10 : 60,
    answerMs: readNumber('--answer-ms', values['answer-ms']),
    runnerCommand: readCommand(values['runner-cmd']),
    jsonFile: values.json,
    checkFile: values.check,
    writeBaseline: values['write-baseline'],
  };
}

function readRow(name: string): Row {
  const row = ROWS.find((one) => one === name);
  if (row === undefined) throw new Error(`${name} is no row; there are ${ROWS.join(', ')}`);
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
