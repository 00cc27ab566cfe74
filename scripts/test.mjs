import { ensureBuilt } from './lib/build.mjs';
import { runChecks, runTests } from './lib/checks.mjs';
import { main, SetUpError } from './lib/say.mjs';
import { setUpDocker, setUpTemporal } from './lib/set-up.mjs';

// Which tests need what. `adapters` holds tests of the Docker adapter against a real engine.
const UNIT = [
  'domain',
  'activities',
  'commands',
  'support',
  'adapters',
  'workflows',
  'worker',
  'replay',
];
const SYSTEM = ['system'];
const FAULTS = ['faults'];

/**
 * `npm test`: everything but the long suite of faults. `npm run check`: all but the system tests.
 * `npm run test:system`: only those. `npm run test:faults`: every fault at every moment. Sets up what is missing and stops what it has started.
 */
await main(async () => {
  const mode = process.argv[2] ?? 'all';
  if (!['all', 'check', 'system', 'faults'].includes(mode)) {
    throw new SetUpError(`${mode} is no kind of test: check, system, faults, or nothing for all`);
  }
  await ensureBuilt();
  const isChecked = ['all', 'check'].includes(mode);
  const failures = isChecked ? await countFailures(runChecks) : 0;
  const env = { ...process.env, ...(await setUpTemporal()), ...(await setUpDocker()) };
  let failed = failures;
  if (isChecked) {
    const title = 'unit, adapter, workflow and replay tests';
    failed += await runTests(title, UNIT, { env, concurrency: 2 });
  }
  if (['all', 'system'].includes(mode)) {
    failed += await runTests('system tests', SYSTEM, { env, concurrency: 2 });
  }
  if (mode === 'faults') {
    failed += await runTests('faults', FAULTS, { env, concurrency: 2 });
  }
  return failed === 0 ? 0 : 1;
});

/** Lint errors are told at once, and the tests are run all the same. */
async function countFailures(work) {
  try {
    await work();
    return 0;
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    return 1;
  }
}
