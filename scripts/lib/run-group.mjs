import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { after, before, describe } from 'node:test';
import { pathToFileURL } from 'node:url';
import { ROOT } from './paths.mjs';
import { runningFileOf } from './test-events.mjs';

/**
 * Time limit for one file. Files of a group are quick, so one that takes longer hangs. Its suite
 * then fails, and the next file runs.
 */
const LIMIT_MS = 3 * 60_000;

/** The path of the file that names the running member. It stays when the process is killed. */
const RUNNING = runningFileOf(process.argv[1]);

/**
 * Runs files of tests in this process, one after another. Each is a suite with the file's path as
 * its name, so reporters know whose tests they see. A file that leaves something of the process
 * changed fails, because the files after it might then behave differently than alone.
 */
export async function runGroup(files) {
  let begin;
  const begun = new Promise((resolve) => {
    begin = resolve;
  });
  for (const file of files) {
    // Each import ends before the next begins. If two waited for the same module, it would be left to
    // chance which suite gets the tests of which file.
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
  // Registered first, so that it runs before the hooks of the file.
  before(() => {
    known = readProcess();
    writeFileSync(RUNNING, file);
  });
  await import(pathToFileURL(file).href);
  checkProcess(known, 'its import');
  // Registered last, so that it runs after the hooks of the file.
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
  // Libraries may begin to listen to `exit` whenever they are loaded.
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
