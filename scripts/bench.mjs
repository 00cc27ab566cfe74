import { ensureBuilt } from './lib/build.mjs';
import { runCompiled } from './lib/run-compiled.mjs';
import { main } from './lib/say.mjs';
import { setUpDocker, setUpTemporal } from './lib/set-up.mjs';

/**
 * `npm run bench` sets up what is missing, then measures. Its flags are in test/bench/options.ts.
 */
await main(async () => {
  await ensureBuilt();
  // The environment comes last, because it may name a helper image that also serves gitlab-runner.
  const env = { ...(await setUpTemporal()), ...(await setUpDocker()), ...process.env };
  await runCompiled('test/bench/index.js', process.argv.slice(2), env);
});
