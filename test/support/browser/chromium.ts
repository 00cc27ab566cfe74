import { chromium, type Browser } from 'playwright-core';

/** Path of the Chromium that `npm test` has found or installed. */
const PROGRAM = process.env['TGR_TEST_CHROMIUM'] ?? '';

/**
 * Returns why tests in a browser are skipped, or false. The value is for node:test's option `skip`.
 */
export function browserSkip(): string | false {
  return PROGRAM === '' && 'no Chromium here: TGR_TEST_CHROMIUM names one, and npm test gets it';
}

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: PROGRAM,
    // Chromium's sandbox does not run as root. This browser opens only the Temporal UI of the test.
    chromiumSandbox: false,
  });
}
