#!/usr/bin/env node
import { runCli } from './commands/main.ts';

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  input: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
});
// Native threads of Temporal and an open stdin must not keep a finished command alive.
process.exit();
