import { join } from 'node:path';
import { ensureBuilt } from './lib/build.mjs';
import { ROOT } from './lib/paths.mjs';
import { run } from './lib/run.mjs';
import { main } from './lib/say.mjs';

/**
 * `npm run archives`: lets other programs read the archives of this runner, and this runner those of
 * gitlab-runner, whose helper the variable GITLAB_RUNNER_HELPER names.
 */
await main(async () => {
  await ensureBuilt();
  const archives = join(ROOT, 'dist/tools/archives/index.js');
  await run(process.execPath, ['--enable-source-maps', archives], { cwd: ROOT, show: true });
});
