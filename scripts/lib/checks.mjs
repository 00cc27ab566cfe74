import { readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bin } from './build.mjs';
import { findCompatibilityFaults } from './compatibility.mjs';
import { ROOT } from './paths.mjs';
import { run } from './run.mjs';
import { SetUpError, step } from './say.mjs';
import { addDurations } from './slowest-files.mjs';
import { groupTests } from './test-groups.mjs';

/**
 * Runs everything that needs no Docker and no Temporal: purity, lint, format, tables. Types are
 * checked when the sources are compiled. Returns a text for each fault. It runs with low priority,
 * because tests that run beside it have time limits.
 */
export async function runChecks() {
  const checks = [
    tool(
      'domain and workflows are pure',
      ['typescript-native', 'tsc'],
      ['-p', 'tsconfig.pure.json'],
    ),
    tool('lint', ['oxlint'], []),
    tool('format', ['oxfmt'], ['--check']),
    step('compatibility tables are right', async () => {
      const faults = findCompatibilityFaults();
      if (faults.length > 0) throw new SetUpError(faults.join('\n'));
    }),
  ];
  const ends = await Promise.allSettled(checks);
  return ends.filter(({ status }) => status === 'rejected').map(({ reason }) => toFault(reason));
}

function toFault(error) {
  if (!(error instanceof SetUpError)) throw error;
  return error.message;
}

async function tool(title, [packageName, program], args) {
  await step(title, async () => {
    try {
      const command = [process.execPath, bin(packageName, program), ...args];
      await run('nice', command, { cwd: ROOT });
    } catch (error) {
      throw new SetUpError(`${title}: ${error.message}`);
    }
  });
}

/** A file of tests that takes longer than this hangs, also on a machine that is slow or busy. */
const LIMIT_MINUTES = 45;

const TEST_PROCESS = join(ROOT, 'scripts/lib/test-process.mjs');
const STRAYS = join(ROOT, 'scripts/lib/tell-strays.mjs');

/**
 * Number of test files that run at once: one more than there are processors, because files also
 * wait. More would save little, and on a slow machine tests would miss their time limits.
 */
export const TESTS_AT_ONCE = Math.min(8, availableParallelism() + 1);

/**
 * Runs compiled tests with Node's own runner and prints its report. Files begin in the order of
 * `patterns`, so that long ones named first leave no slot empty at the end. Returns a text for each
 * failure, to be shown again at the end. `results` names a file for a line of JSON about each test.
 */
export async function runTests(
  title,
  patterns,
  { env, concurrency = TESTS_AT_ONCE, limitMinutes = LIMIT_MINUTES, results },
) {
  const files = await findTests(patterns);
  if (files.length === 0)
    throw new SetUpError(`${title}: there are no tests in ${patterns.join(', ')}`);
  const failures = join(tmpdir(), `tgr-failures-${process.pid}.txt`);
  const durations = join(tmpdir(), `tgr-durations-${process.pid}.jsonl`);
  const groups = join(tmpdir(), `tgr-groups-${process.pid}`);
  const limitMs = limitMinutes * 60_000;
  const options = {
    files: groupTests(files, groups),
    concurrency: Number(concurrency),
    limitMs,
    failures,
    durations,
    results,
  };
  // Node's runner passes its own options on to the processes of the files.
  const flags = ['--enable-source-maps', '--import', STRAYS];
  const args = [...flags, TEST_PROCESS, JSON.stringify(options)];
  try {
    await step(title, () => run(process.execPath, args, { cwd: ROOT, env, show: true }));
    return [];
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    return [`${title}:\n${readFileSync(failures, 'utf8').trim() || 'see above'}`];
  } finally {
    addDurations(durations);
    for (const path of [failures, durations, groups])
      rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Finds the compiled tests in these directories, one directory after the other. A file may also be
 * named itself. Files that run others come first, because they take long, and the others are left
 * out.
 */
export async function findTests(directories) {
  const found = await listTests(directories);
  const together = found.filter((file) => file.startsWith(TOGETHER));
  const taken = together.flatMap(readImported);
  return [...new Set([...together, ...found.filter((file) => !taken.includes(file))])];
}

/** Files that run others in one process, with one node for all of them. */
const TOGETHER = join(ROOT, 'dist/test/system/together/');

function readImported(file) {
  const imports = readFileSync(file, 'utf8').matchAll(/import\(['"]([^'"]+\.test\.js)['"]\)/g);
  return [...imports].map(([, path]) => join(dirname(file), path));
}

async function listTests(directories) {
  const { readdir } = await import('node:fs/promises');
  const found = [];
  for (const directory of directories) {
    const path = join(ROOT, 'dist/test', directory);
    if (path.endsWith('.test.js')) {
      found.push(path);
      continue;
    }
    const entries = await readdir(path, { recursive: true }).catch(() => []);
    const tests = entries.filter((name) => name.endsWith('.test.js')).sort();
    found.push(...tests.map((name) => join(path, name)));
  }
  return [...new Set(found)];
}
