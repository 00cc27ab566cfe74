#!/usr/bin/env node
import { keepCompiled } from './adapters/host/compile-cache.ts';
import { readOpenFiles } from './adapters/host/open-files.ts';
import { nameSourcesOfCrash } from './adapters/host/source-places.ts';
import { describeTooFewFiles } from './domain/runner/open-files.ts';
import { holdSignals } from './worker/shutdown.ts';

nameSourcesOfCrash();
// A service may already be stopped in its first seconds. Other commands release the signals again.
if (process.argv.includes('run')) holdSignals();
// Somebody who reads only the beginning (`jobs | head`) needs no error about the rest.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
keepCompiled(process.env);
process.exitCode = await main();

/** Loads the program only where it can run, because Node's own error message would not help. */
async function main(): Promise<number> {
  const openFiles = await readOpenFiles();
  const fault = openFiles && describeTooFewFiles(openFiles);
  if (fault !== undefined) {
    process.stderr.write(`FATAL: ${fault}\n`);
    return 1;
  }
  const { runCli } = await import('./commands/main.ts');
  return runCli(process.argv.slice(2), {
    env: process.env,
    input: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
  });
}

// Native threads of Temporal and an open stdin must not keep a finished command running.
process.exit();
