import { benchTraceStages } from './trace-stages.ts';
import { benchTrivial } from './trivial.ts';

// `npm run bench -- <name>`: measures, prints a table, judges nothing.

const BENCHES: Readonly<Record<string, () => Promise<string>>> = {
  trivial: benchTrivial,
  trace: benchTraceStages,
};

const name = process.argv[2] ?? 'trivial';
const bench = BENCHES[name];
if (bench === undefined) {
  process.stderr.write(`error: no bench "${name}"; there is ${Object.keys(BENCHES).join(', ')}\n`);
  process.exit(1);
}
process.stdout.write(`${await bench()}\n`);
