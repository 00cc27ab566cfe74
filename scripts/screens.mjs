import { join } from 'node:path';
import { ensureBuilt } from './lib/build.mjs';
import { ROOT } from './lib/paths.mjs';
import { runCompiled } from './lib/run-compiled.mjs';
import { main, SetUpError } from './lib/say.mjs';
import { setUpBrowser, setUpDocker, setUpTemporal } from './lib/set-up.mjs';

/** `npm run docs:screens` takes the screenshots of the Temporal UI in docs/screens again. */
await main(async () => {
  await ensureBuilt();
  const browser = await setUpBrowser();
  if (browser.TGR_TEST_CHROMIUM === undefined) {
    throw new SetUpError('screenshots need a Chromium: name one by TGR_TEST_CHROMIUM');
  }
  const env = {
    ...{ ...process.env, ...browser },
    ...(await setUpTemporal()),
    ...(await setUpDocker()),
  };
  await runCompiled('tools/screens/index.js', [join(ROOT, 'docs/screens')], env);
});
