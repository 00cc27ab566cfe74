import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { atEnd } from './lib/at-end.mjs';
import { ensureBuilt } from './lib/build.mjs';
import { ensureDependencies } from './lib/dependencies.mjs';
import { installMissingDocker } from './lib/docker-engine.mjs';
import { ROOT } from './lib/paths.mjs';
import { main, say } from './lib/say.mjs';
import { setUpDemoDocker, setUpTemporal } from './lib/set-up.mjs';

const INTRODUCTION = `This sets up what is missing: npm packages, the compiled program, a Temporal server, Docker and two
small images. Then it starts a fake GitLab and a real worker, and shows four jobs. On a machine that
has nothing of it: about a minute and a half; the next time a quarter of that.
`;

/**
 * Sets up what is missing, then shows a small pipeline. With `-- --keep` everything keeps running.
 */
await main(async () => {
  const begunMs = Date.now();
  say(INTRODUCTION);
  const env = { ...process.env, ...(await setUp()) };
  say(`✔ all is set up (${((Date.now() - begunMs) / 1000).toFixed(1)} s)\n`);
  const demo = join(ROOT, 'dist/tools/quickstart/index.js');
  const args = [...process.argv.slice(2), `--begun-ms=${begunMs}`];
  const child = spawn(process.execPath, ['--enable-source-maps', demo, ...args], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'inherit', 'inherit'],
    // Ctrl-C reaches only this process. It lets the demonstration end in an orderly way, then
    // Docker.
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

/** Sets up independent things at the same time, because most of that waits for a network. */
async function setUp() {
  await Promise.all([ensureDependencies(), installMissingDocker()]);
  const [temporal, docker] = await Promise.all([
    ensureBuilt().then(setUpTemporal),
    setUpDemoDocker(),
  ]);
  return { ...temporal, ...docker };
}
