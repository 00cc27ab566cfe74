import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { atEnd } from './at-end.mjs';
import { SetUpError } from './say.mjs';

const KEPT_OUTPUT_CHARS = 4_000;

/**
 * Runs a program to its end without a shell. Its output is kept for the error, and shown only with
 * `show`. Returns what it wrote to stdout.
 */
export function run(command, args, { cwd, env = process.env, show = false, input } = {}) {
  return new Promise((resolve, reject) => {
    const output = show ? 'inherit' : 'pipe';
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: [input ? 'pipe' : 'ignore', output, output],
    });
    const closed = new Promise((resolveClosed) => child.once('close', resolveClosed));
    const forget = atEnd(() => {
      child.kill('SIGTERM');
      return closed;
    });
    let stdout = '';
    let tail = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      tail = (tail + text).slice(-KEPT_OUTPUT_CHARS);
    });
    child.stderr?.setEncoding('utf8').on('data', (text) => {
      tail = (tail + text).slice(-KEPT_OUTPUT_CHARS);
    });
    if (input) child.stdin.end(input);
    child.on('error', (error) => reject(new SetUpError(`cannot run ${command}: ${error.message}`)));
    child.on('close', (code, signal) => {
      forget();
      if (code === 0) return resolve(stdout);
      const how = signal === null ? `exit code ${code}` : signal;
      const words = tail.trim() === '' ? '' : `\n${tail.trim()}`;
      reject(new SetUpError(`${command} ${args.join(' ')}: ${how}${words}`));
    });
  });
}

/** Returns the full path of a program on the PATH, or undefined. */
export function findProgram(name, { PATH = '' } = process.env) {
  return [...PATH.split(delimiter), '/usr/sbin', '/sbin']
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
