import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ensureBuilt } from './lib/build.mjs';
import { ensureDockerEngine } from './lib/docker-engine.mjs';
import { ensureImages } from './lib/images.mjs';
import { ROOT } from './lib/paths.mjs';
import { main } from './lib/say.mjs';
import { findTemporalCli } from './lib/temporal-cli.mjs';

/** Sets up what is missing, then shows a small pipeline. `-- --keep` leaves all running. */
await main(async () => {
  await ensureBuilt();
  const docker = await ensureDockerEngine();
  let child;
  // The demonstration ends itself in good order; Ctrl-C reaches it as it reaches this process.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child?.kill(signal));
  try {
    await ensureImages();
    const env = { ...process.env, TEMPORAL_CLI_PATH: await findTemporalCli() };
    const demo = join(ROOT, 'dist/tools/quickstart/index.js');
    child = spawn(process.execPath, ['--enable-source-maps', demo, ...process.argv.slice(2)], {
      cwd: ROOT,
      env,
      stdio: 'inherit',
      detached: true,
    });
    const [code] = await once(child, 'exit');
    return code ?? 1;
  } finally {
    await docker.stop();
  }
});
