import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt } from './lib/build.mjs';
import { findTests, runChecks, runTests } from './lib/checks.mjs';
import { formatSlowest } from './lib/slowest-files.mjs';
import { checkReportName, writeFaultReport } from './lib/fault-report.mjs';
import { formatFaultTable, readFaultTable } from './lib/fault-table.mjs';
import { main, say, SetUpError } from './lib/say.mjs';
import { formatScenarioList } from './lib/scenario-list.mjs';
import { setUpForSystem, setUpShared } from './lib/set-up.mjs';

// These lists name the tests by what they need, long ones first. `adapters` holds tests of the
// Docker adapter against a real engine.
const UNIT = [
  'workflows',
  'domain/script',
  'adapters',
  'activities',
  'worker',
  'commands',
  'support',
  'bench',
  'replay',
  'structure',
  'domain',
];
const SYSTEM = ['system'];
const TITLES = {
  all: 'all tests but the long suite of faults',
  check: 'unit, adapter, workflow and replay tests',
  system: 'system tests',
};
/** The longest first, so that the last one does not run alone: each takes more than ten minutes. */
const LONG_FAULTS = [
  ...['gitlab', 'signals', 'random', 'worker-away', 'partition', 'worker', 'gitlab-answers'],
  ...['temporal-long-away', 'keys'],
];
const FAULTS = [...LONG_FAULTS.map((name) => `faults/${name}.test.js`), 'faults'];
const RANDOM = ['workflows/random-builds.test.js'];
const RANDOM_SEEDS = '1000';

/**
 * `npm test` runs everything except the long suite of faults, `npm run check` everything except the
 * system tests, and `npm run test:system` only those. `npm run test:faults` runs every fault at
 * every moment; `-- --seed <number>` repeats the random ones, and `-- --report <file>` (.json or
 * .md, also several times) also writes the table to a file. Each sets up what is missing and stops
 * what it has started.
 */
await main(async () => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: {
      seed: { type: 'string' },
      report: { type: 'string', multiple: true, default: [] },
    },
  });
  const mode = positionals[0] ?? 'all';
  if (!['all', 'check', 'system', 'faults'].includes(mode)) {
    throw new SetUpError(`${mode} is no kind of test: check, system, faults, or nothing for all`);
  }
  values.report.forEach(checkReportName);
  await ensureBuilt();
  const env = { ...(await setUpShared()), ...(hasSystem(mode) && (await setUpForSystem())) };
  const checking = isChecked(mode) ? runChecks() : [];
  const failures =
    mode === 'faults' ? await runFaults({ env, ...values }) : await runAll(mode, env);
  failures.push(...(await checking));
  say(formatSlowest());
  for (const failure of failures) say(`\nfailed: ${failure}`);
  return failures.length === 0 ? 0 : 1;
});

/** Whether the mode includes lint, format and the like, and the tests that are not system tests. */
function isChecked(mode) {
  return ['all', 'check'].includes(mode);
}

function hasSystem(mode) {
  return ['all', 'system'].includes(mode);
}

/**
 * Runs all tests of the mode at once. With system tests it also prints each scenario in a form that
 * people can read.
 */
async function runAll(mode, env) {
  const report = join(tmpdir(), `tgr-scenarios-${process.pid}.jsonl`);
  const rooms = [...(hasSystem(mode) ? SYSTEM : []), ...(isChecked(mode) ? UNIT : [])];
  try {
    return await runTests(TITLES[mode], rooms, { env: { ...env, TGR_SCENARIO_REPORT: report } });
  } finally {
    if (hasSystem(mode)) {
      const list = formatScenarioList(report);
      const shown = mode === 'system' ? list : list.slice(list.lastIndexOf('\n'));
      process.stdout.write(`${shown}\n`);
    }
    rmSync(report, { force: true });
  }
}

/** Runs every fault at every moment, and prints the results as a table. */
async function runFaults({ env, seed, report: files }) {
  const begunMs = performance.now();
  const report = join(tmpdir(), `tgr-faults-${process.pid}.jsonl`);
  const all = { ...env, TGR_FAULT_REPORT: report, ...(seed !== undefined && { FAULT_SEED: seed }) };
  const limits = { limitMinutes: 60 };
  try {
    const broken = await runTests('faults', FAULTS, { env: all, ...limits });
    // These run only workflows. Their activities are fakes that fail, last long and run twice, so
    // that many builds take little time.
    const seeds = { ...env, TGR_SEEDS: RANDOM_SEEDS };
    const title = `${RANDOM_SEEDS} random builds`;
    return [...broken, ...(await runTests(title, RANDOM, { env: seeds, ...limits }))];
  } finally {
    const suites = (await findTests(FAULTS)).map((file) => basename(file, '.test.js'));
    const table = readFaultTable(report, suites);
    process.stdout.write(`\n${formatFaultTable(table)}\n`);
    const minutes = (performance.now() - begunMs) / 60_000;
    for (const file of files) await writeFaultReport(file, { table, seed, minutes });
    rmSync(report, { force: true });
  }
}
