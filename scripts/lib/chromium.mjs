import { existsSync } from 'node:fs';
import { installPackages } from './apt.mjs';
import { findProgram, run } from './run.mjs';
import { say } from './say.mjs';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];
const PACKAGES = ['chromium', 'fonts-dejavu-core'];

/**
 * Returns the path of a Chromium that starts: the machine's own, otherwise Debian's package, which
 * apt-get installs as root. Returns undefined when there is none: the tests in a browser are then
 * skipped, and say so.
 */
export async function findChromium() {
  const own = process.env.TGR_TEST_CHROMIUM || firstProgram();
  // Ubuntu's package is only a program that asks for a snap.
  if (own !== undefined && (await starts(own))) return own;
  const lack = whyNotInstallable();
  if (lack !== undefined) {
    say(`no Chromium here, and ${lack}: tests in a browser are skipped`);
    return undefined;
  }
  try {
    await installPackages(PACKAGES, '125 MB');
    const installed = firstProgram();
    if (installed !== undefined && (await starts(installed))) return installed;
    say('the package chromium holds no Chromium that starts: tests in a browser are skipped');
  } catch (error) {
    say(`${error.message}\ntests in a browser are skipped`);
  }
  return undefined;
}

function firstProgram() {
  return PROGRAMS.map((name) => findProgram(name)).find((path) => path !== undefined);
}

function starts(program) {
  return run(program, ['--version']).then(
    (text) => /Chrom/.test(text),
    () => false,
  );
}

function whyNotInstallable() {
  if (process.platform !== 'linux' || process.getuid() !== 0) return 'only root may install it';
  if (findProgram('apt-get') === undefined) return 'no apt-get to install it';
  // In other distributions a package of this name may be anything.
  return existsSync('/etc/debian_version') ? undefined : 'this is no Debian';
}
