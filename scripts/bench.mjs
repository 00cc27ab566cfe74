import { join } from 'node:path';
import { ensureBuilt } from './lib/build.mjs';
import { ROOT } from './lib/paths.mjs';
import { run } from './lib/run.mjs';
import { main } from './lib/say.mjs';
import { setUpDocker, setUpTemporal } from './lib/set-up.mjs';

/** `npm run bench`: sets up what is missing, then measures. Its flags are in test/bench/options.ts. */
await main(async () => {
  await ensureBuilt();
  const env = { ...process.env, ...(await setUpTemporal()), ...(await setUpDocker()) };
  const bench = join(ROOT, 'dist/test/bench/index.js');
  await run(process.execPath, ['--enable-source-maps', bench, ...process.argv.slice(2)], {
    cwd: ROOT,
    env,
    show: true,
  });
});
