import { execFile, type PromiseWithChild } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Installation } from './installation.ts';

/** The path of the program as people run it. */
export const CLI = fileURLToPath(new URL('../../program/cli.js', import.meta.url));

const execute = promisify(execFile);

/**
 * Runs a command of the program with an installation's config file. The command does not get the
 * variables of the service that runs the node, because a person's shell does not have them.
 */
export function runCommand(
  { configPath }: Pick<Installation, 'configPath'>,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): PromiseWithChild<{ readonly stdout: string; readonly stderr: string }> {
  const words = [CLI, ...args, '--config', configPath];
  return execute(process.execPath, words, { env: { ...process.env, ...env } });
}
