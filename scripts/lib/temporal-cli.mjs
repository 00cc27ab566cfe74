import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT } from './paths.mjs';
import { say, step } from './say.mjs';

/** Finds a Temporal server in the same way as the program. The sources must be compiled. */
export async function findTemporalCli() {
  const file = join(ROOT, 'dist/src/adapters/temporal/cli-binary.js');
  const cli = await import(pathToFileURL(file).href);
  const tell = (message, fields = {}) => say(`  ${message}: ${Object.values(fields).join(' ')}`);
  const log = { debug: tell, info: tell, warn: tell, error: tell };
  return step(
    'find a Temporal server',
    () => cli.findTemporalCli({ env: process.env, log }),
    'its download (45 MB), or for Go to build it',
  );
}
