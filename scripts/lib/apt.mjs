import { run } from './run.mjs';
import { say, step } from './say.mjs';

/** Installs Debian packages as root. `size` tells how much that is, such as `100 MB`. */
export async function installPackages(packages, size) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await step(
    `apt-get install ${packages.join(' ')}`,
    async () => {
      // A failing package source for other software is no reason to stop.
      await run('apt-get', ['update', '-q'], { env }).catch((error) => say(error.message));
      const options = ['-y', '-q', '--no-install-recommends', '-o', 'DPkg::Lock::Timeout=120'];
      await run('apt-get', ['install', ...options, ...packages], { env });
    },
    `apt-get to download and install ${size}`,
  );
}
