import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { bin, ensureBuilt } from './build.mjs';
import { findCompatibilityFaults } from './compatibility.mjs';
import { ROOT } from './paths.mjs';
import { run } from './run.mjs';
import { SetUpError, step } from './say.mjs';
import { addDurations } from './slowest-files.mjs';

/** Everything that needs no Docker and no Temporal: types, purity, lint, format, bundle, tables. */
export async function runChecks() {
  await ensureBuilt(); // compiles with strict types, and bundles the workflows
  await tool('domain and workflows are pure', ['typescript', 'tsc'], ['-p', 'tsconfig.pure.json']);
  await tool('lint', ['eslint'], ['--max-warnings', '0', '.']);
  await tool('format', ['prettier'], ['--check', '--log-level', 'warn', '.']);
  await step('compatibility tables are right', async () => {
    const faults = findCompatibilityFaults();
    if (faults.length > 0) throw new SetUpError(faults.join('\n'));
  });
}

async function tool(title, [packageName, program], args) {
  await step(title, async () => {
    try {
      await run(process.execPath, [bin(packageName, program), ...args], { cwd: ROOT });
    } catch (error) {
      throw new SetUpError(`${title}: ${error.message}`);
    }
  });
}

/** A file of tests that takes longer than this hangs. */
const LIMIT_MINUTES = 15;

const FAILURE_REPORTER = pathToFileURL(join(ROOT, 'scripts/lib/failure-reporter.mjs')).href;
const DURATION_REPORTER = pathToFileURL(join(ROOT, 'scripts/lib/duration-reporter.mjs')).href;
const RESULT_REPORTER = pathToFileURL(join(ROOT, 'scripts/lib/result-reporter.mjs')).href;

/**
 * Runs compiled tests by Node's own runner; its report is what is printed. Returns what failed, a
 * text each, to be shown again at the end. `results` names a file for a line of JSON on each test.
 */
export async function runTests(
  title,
  patterns,
  { env, concurrency, limitMinutes = LIMIT_MINUTES, results },
) {
  const files = await findTests(patterns);
  if (files.length === 0)
    throw new SetUpError(`${title}: there are no tests in ${patterns.join(', ')}`);
  const failures = join(tmpdir(), `tgr-failures-${process.pid}.txt`);
  const durations = join(tmpdir(), `tgr-durations-${process.pid}.jsonl`);
  const reporters = [
    ['--test-reporter=spec', '--test-reporter-destination=stdout'],
    [`--test-reporter=${FAILURE_REPORTER}`, `--test-reporter-destination=${failures}`],
    [`--test-reporter=${DURATION_REPORTER}`, `--test-reporter-destination=${durations}`],
    ...(results === undefined
      ? []
      : [[`--test-reporter=${RESULT_REPORTER}`, `--test-reporter-destination=${results}`]]),
  ].flat();
  const limits = [`--test-concurrency=${concurrency}`, `--test-timeout=${limitMinutes * 60_000}`];
  const args = ['--enable-source-maps', '--test', ...reporters, ...limits, ...files];
  try {
    await step(title, () => run(process.execPath, args, { cwd: ROOT, env, show: true }));
    return [];
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    return [`${title}:\n${readFileSync(failures, 'utf8').trim() || error.message}`];
  } finally {
    addDurations(durations);
    for (const file of [failures, durations]) rmSync(file, { force: true });
  }
}

/** Paths of compiled tests in these directories, or of one that is named itself. */
export async function findTests(directories) {
  const { readdir } = await import('node:fs/promises');
  const found = [];
  for (const directory of directories) {
    const path = join(ROOT, 'dist/test', directory);
    if (path.endsWith('.test.js')) {
      found.push(path);
      continue;
    }
    const entries = await readdir(path, { recursive: true }).catch(() => []);
    found.push(
      ...entries.filter((name) => name.endsWith('.test.js')).map((name) => join(path, name)),
    );
  }
  return found.sort();
}
