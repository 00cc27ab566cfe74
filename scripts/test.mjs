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

// Which tests need what. `adapters` holds tests of the Docker adapter against a real engine.
const UNIT = [
  'domain',
  'activities',
  'commands',
  'support',
  'bench',
  'adapters',
  'workflows',
  'worker',
  'replay',
  'structure',
];
const SYSTEM = ['system'];
const FAULTS = ['faults'];
const RANDOM = ['workflows/random-builds.test.js'];
const RANDOM_SEEDS = '1000';

/**
 * `npm test`: everything but the long suite of faults. `npm run check`: all but the system tests.
 * `npm run test:system`: only those. `npm run test:faults`: every fault at every moment, the random
 * ones again as they were with `-- --seed <number>`; with `-- --report <file>` (.json or .md, also
 * several times) its table is written there too. Sets up what is missing and stops what it has started.
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
  const isChecked = ['all', 'check'].includes(mode);
  const failures = isChecked ? await findFaults(runChecks) : [];
  const env = await setUpShared();
  if (isChecked) {
    const title = 'unit, adapter, workflow and replay tests';
    failures.push(...(await runTests(title, UNIT, { env, concurrency: 2 })));
  }
  if (['all', 'system'].includes(mode)) {
    const all = { ...env, ...(await setUpForSystem()) };
    failures.push(...(await runSystem({ env: all, isListed: mode === 'system' })));
  }
  if (mode === 'faults') {
    failures.push(...(await runFaults({ env, ...values })));
  }
  say(formatSlowest());
  for (const failure of failures) say(`\nfailed: ${failure}`);
  return failures.length === 0 ? 0 : 1;
});

/** What users see, and with `isListed` each scenario in a form that they can read. */
async function runSystem({ env, isListed }) {
  const report = join(tmpdir(), `tgr-scenarios-${process.pid}.jsonl`);
  const all = { ...env, TGR_SCENARIO_REPORT: report };
  try {
    return await runTests('system tests', SYSTEM, { env: all, concurrency: 2 });
  } finally {
    const list = formatScenarioList(report);
    process.stdout.write(isListed ? `${list}\n` : `${list.slice(list.lastIndexOf('\n'))}\n`);
    rmSync(report, { force: true });
  }
}

/** Every fault at every moment, and what came of it as a table. */
async function runFaults({ env, seed, report: files }) {
  const begunMs = performance.now();
  const report = join(tmpdir(), `tgr-faults-${process.pid}.jsonl`);
  const all = { ...env, TGR_FAULT_REPORT: report, ...(seed !== undefined && { FAULT_SEED: seed }) };
  // Most of their time they wait.
  const limits = { concurrency: 4, limitMinutes: 60 };
  try {
    const broken = await runTests('faults', FAULTS, { env: all, ...limits });
    // The workflows alone are quick: among fake calls that fail, last and are done twice.
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

/** Lint errors are told at once and at the end, and the tests are run all the same. */
async function findFaults(check) {
  try {
    await check();
    return [];
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    say(`error: ${error.message}`);
    return [error.message];
  }
}
