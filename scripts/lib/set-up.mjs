import { findChromium } from './chromium.mjs';
import { DATABASE_IMAGES } from './database-images.mjs';
import { ensureDockerEngine } from './docker-engine.mjs';
import { ensureDemoImages, ensureEach, ensureImages, HELPER_IMAGE, JOB_IMAGE } from './images.mjs';
import { findOpenBao } from './open-bao.mjs';
import { findRegistry } from './registry.mjs';
import { findS3Server } from './s3-server.mjs';
import { findTemporalCli } from './temporal-cli.mjs';

// Each function returns the environment variables by which tests, tools and the program find what
// was set up.

/** Sets up what all tests share. The sources must be compiled. */
export async function setUpShared() {
  return {
    ...process.env,
    ...(await setUpTemporal()),
    ...(await setUpDocker()),
    ...(await setUpRegistry()),
    ...(await setUpS3()),
  };
}

/** Sets up what system tests need in addition to {@link setUpShared}. */
export async function setUpForSystem() {
  await setUpDatabases();
  return { ...(await setUpVault()), ...(await setUpBrowser()) };
}

/** Sets up Temporal. The sources must be compiled. */
export async function setUpTemporal() {
  return { TEMPORAL_CLI_PATH: await findTemporalCli() };
}

/**
 * Sets up Docker and its images. An engine that was started for this is stopped at the script's
 * end.
 */
export async function setUpDocker() {
  await ensureDockerEngine();
  await ensureImages();
  return { TGR_TEST_JOB_IMAGE: JOB_IMAGE, TGR_TEST_HELPER_IMAGE: HELPER_IMAGE };
}

/** Does the same for a small pipeline, with fewer images. */
export async function setUpDemoDocker() {
  await ensureDockerEngine();
  await ensureDemoImages();
  return { TGR_TEST_JOB_IMAGE: JOB_IMAGE, TGR_TEST_HELPER_IMAGE: HELPER_IMAGE };
}

/** Sets up a registry that tests start by themselves. Returns nothing when there is none. */
async function setUpRegistry() {
  const program = await findRegistry();
  return program === undefined ? {} : { TGR_TEST_REGISTRY: program };
}

/** Sets up a secrets server for the system tests. */
async function setUpVault() {
  const program = await findOpenBao();
  return program === undefined ? {} : { TGR_TEST_BAO: program };
}

/** Sets up a browser for the Temporal UI. Returns nothing when there is none. */
export async function setUpBrowser() {
  const program = await findChromium();
  return program === undefined ? {} : { TGR_TEST_CHROMIUM: program };
}

/** Sets up servers for tests of services. Docker must have been set up. */
async function setUpDatabases() {
  await ensureEach(DATABASE_IMAGES);
}

/** Sets up the server behind remote caches. */
async function setUpS3() {
  return { TGR_TEST_S3_SERVER: await findS3Server() };
}
