import { ensureBuilt } from './lib/build.mjs';
import { runCompiled } from './lib/run-compiled.mjs';
import { main } from './lib/say.mjs';

/**
 * `npm run archives` lets other programs read the archives of this runner, and this runner those of
 * gitlab-runner. The variable GITLAB_RUNNER_HELPER names gitlab-runner's helper.
 */
await main(async () => {
  await ensureBuilt();
  await runCompiled('tools/archives/index.js');
});
