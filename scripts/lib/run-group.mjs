import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { after, before, describe } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ROOT } from './paths.mjs';
import { runningFileOf } from './test-events.mjs';

/**
 * Files of a group are quick: one that takes longer than this hangs. It fails by its name, and the
 * others go on.
 */
const LIMIT_MS = 3 * 60_000;

/** Tells who ran, also when the process is killed. */
const RUNNING = runningFileOf(process.argv[1]);

/**
 * Runs files of tests in this process, one after another. Each is a suite with the file's path as
 * its name, so reporters know whose tests they see. A file that leaves something of the process
 * changed fails, because the tests after it would run in another world than alone.
 */
export async function runGroup(files) {
  let begin;
  const begun = new Promise((resolve) => {
    begin = resolve;
  });
  for (const file of files) {
    // One after another: two that wait for the same module would be told apart by chance.
    await new Promise((imported) => {
      describe(relative(ROOT, file), { timeout: LIMIT_MS }, async () => {
        await importMember(file).finally(imported);
        await begun;
      });
    });
  }
  begin();
}

async function importMember(file) {
  let known = readProcess();
  // This hook comes before those of the file, and the other one after them.
  before(() => {
    known = readProcess();
    writeFileSync(RUNNING, file);
  });
  await import(pathToFileURL(file).href);
  checkProcess(known, 'its import');
  after(() => {
    rmSync(RUNNING, { force: true });
    checkProcess(known, 'its tests');
  });
}

function checkProcess(known, what) {
  const now = readProcess();
  const changed = Object.keys({ ...known, ...now }).filter((name) => known[name] !== now[name]);
  assert.deepEqual(changed, [], `${what} left these changed for the files after it in its process`);
}

/** Returns what tests may change of a process, by names. */
function readProcess() {
  // Libraries that are loaded late listen to the end.
  const events = process.eventNames().filter((name) => name !== 'exit');
  const listeners = events.map((name) => [
    `listeners of ${String(name)}`,
    process.listenerCount(name),
  ]);
  const env = Object.entries(process.env).map(([name, value]) => [`process.env.${name}`, value]);
  const globals = ['Date', 'fetch', 'setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask'];
  return {
    ...Object.fromEntries([...listeners, ...env]),
    ...Object.fromEntries(globals.map((name) => [name, globalThis[name]])),
    'process.cwd()': process.cwd(),
    'process.umask()': process.umask(),
    'process.stdout.write': process.stdout.write,
    'process.stderr.write': process.stderr.write,
    'Math.random': Math.random,
  };
}
