import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './paths.mjs';
import { run } from './run.mjs';
import { SetUpError, step } from './say.mjs';

const OLDEST_NODE = [20, 18, 1];

/** Installs npm's packages as the lock file names them. Does nothing when they are installed. */
export async function ensureDependencies() {
  checkNode(process.versions.node);
  if (areInstalled()) return;
  // The versions come from the lock file, and reports about them are not needed here.
  const install = ['ci', '--no-audit', '--no-fund', '--prefer-offline'];
  await step(
    'install npm packages',
    () => run('npm', install, { cwd: ROOT }),
    'npm to download and unpack 300 packages',
  );
}

function checkNode(version) {
  const [major, minor, patch] = version.split('.').map(Number);
  const [a, b, c] = OLDEST_NODE;
  const isNewEnough = major > a || (major === a && (minor > b || (minor === b && patch >= c)));
  if (isNewEnough) return;
  throw new SetUpError(`Node ${OLDEST_NODE.join('.')} or newer is needed, this is ${version}`);
}

/**
 * Whether the packages are installed. npm writes its own copy of the lock file last, when
 * node_modules is complete.
 */
function areInstalled() {
  const installed = join(ROOT, 'node_modules', '.package-lock.json');
  const wanted = join(ROOT, 'package-lock.json');
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs;
}
