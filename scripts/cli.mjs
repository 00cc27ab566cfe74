import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './lib/build.mjs';
import { ROOT } from './lib/paths.mjs';
import { say, SetUpError } from './lib/say.mjs';

// In a checkout, the program is compiled first when its sources have changed.
try {
  await ensureBuilt();
} catch (error) {
  if (!(error instanceof SetUpError)) throw error;
  say(`error: ${error.message}`);
  process.exit(1);
}
await import(pathToFileURL(join(ROOT, 'dist/program/cli.js')).href);
