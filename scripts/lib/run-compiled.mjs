import { join } from 'node:path';
import { ROOT } from './paths.mjs';
import { run } from './run.mjs';

/**
 * Runs a compiled program of this repository to its end and shows its output. `program` is its path
 * below `dist`.
 */
export function runCompiled(program, args = [], env = process.env) {
  const file = join(ROOT, 'dist', program);
  return run(process.execPath, ['--enable-source-maps', file, ...args], {
    ...{ cwd: ROOT, env, show: true },
  });
}
