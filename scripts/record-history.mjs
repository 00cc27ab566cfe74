import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureBuilt } from './lib/build.mjs';
import { ROOT } from './lib/paths.mjs';
import { main } from './lib/say.mjs';
import { findTemporalCli } from './lib/temporal-cli.mjs';

await main(async () => {
  await ensureBuilt();
  process.env.TEMPORAL_CLI_PATH = await findTemporalCli();
  await import(pathToFileURL(join(ROOT, 'dist/tools/record-history/index.js')).href);
});
