import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { atEnd } from './lib/at-end.mjs';
import { ensureBuilt } from './lib/build.mjs';
import { ROOT } from './lib/paths.mjs';
import { main } from './lib/say.mjs';
import { setUpDocker, setUpTemporal } from './lib/set-up.mjs';

/** Sets up what is missing, then shows a small pipeline. `-- --keep` leaves all running. */
await main(async () => {
  await ensureBuilt();
  const env = { ...process.env, ...(await setUpTemporal()), ...(await setUpDocker()) };
  const demo = join(ROOT, 'dist/tools/quickstart/index.js');
  const child = spawn(process.execPath, ['--enable-source-maps', demo, ...process.argv.slice(2)], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    // Ctrl-C reaches only this process: it lets the demonstration end in good order, then Docker.
    detached: true,
  });
  const ended = once(child, 'exit');
  const forget = atEnd(() => {
    child.kill('SIGTERM');
    return ended;
  });
  const [code] = await ended;
  forget();
  return code ?? 1;
});
