import { existsSync } from 'node:fs';
import { installPackages } from './apt.mjs';
import { findProgram, run } from './run.mjs';
import { say } from './say.mjs';

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome'];
const PACKAGES = ['chromium', 'fonts-dejavu-core'];

/**
 * Path of a Chromium that starts: the machine's own, else Debian's package, installed as root by
 * apt-get. undefined where there is none to be had: the tests in a browser are skipped, and say so.
 */
export async function findChromium() {
  const own = process.env.TGR_TEST_CHROMIUM || firstProgram();
  // Ubuntu's package is a program that asks for a snap.
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
  // Elsewhere a package of this name may be anything.
  return existsSync('/etc/debian_version') ? undefined : 'this is no Debian';
}
