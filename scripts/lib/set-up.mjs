import { findChromium } from './chromium.mjs';
import { DATABASE_IMAGES } from './database-images.mjs';
import { ensureDockerEngine } from './docker-engine.mjs';
import { ensureDemoImages, ensureEach, ensureImages, HELPER_IMAGE, JOB_IMAGE } from './images.mjs';
import { findOpenBao } from './open-bao.mjs';
import { findRegistry } from './registry.mjs';
import { findS3Server } from './s3-server.mjs';
import { findTemporalCli } from './temporal-cli.mjs';

// Each returns the environment that tells tests, tools and the program what there is.

/** What all tests share, with the environment that tells of it. The sources must be compiled. */
export async function setUpShared() {
  return {
    ...process.env,
    ...(await setUpTemporal()),
    ...(await setUpDocker()),
    ...(await setUpRegistry()),
    ...(await setUpS3()),
  };
}

/** What system tests need in addition to {@link setUpShared}. */
export async function setUpForSystem() {
  await setUpDatabases();
  return { ...(await setUpVault()), ...(await setUpBrowser()) };
}

/** The sources must have been compiled. */
export async function setUpTemporal() {
  return { TEMPORAL_CLI_PATH: await findTemporalCli() };
}

/** Docker and its images. An engine that was started for it is stopped at the script's end. */
export async function setUpDocker() {
  await ensureDockerEngine();
  await ensureImages();
  return { TGR_TEST_JOB_IMAGE: JOB_IMAGE, TGR_TEST_HELPER_IMAGE: HELPER_IMAGE };
}

/** The same for a small pipeline, with fewer images. */
export async function setUpDemoDocker() {
  await ensureDockerEngine();
  await ensureDemoImages();
  return { TGR_TEST_JOB_IMAGE: JOB_IMAGE, TGR_TEST_HELPER_IMAGE: HELPER_IMAGE };
}

/** A registry that tests start by themselves; nothing where there is none. */
async function setUpRegistry() {
  const program = await findRegistry();
  return program === undefined ? {} : { TGR_TEST_REGISTRY: program };
}

/** A secrets server for the system tests. */
async function setUpVault() {
  const program = await findOpenBao();
  return program === undefined ? {} : { TGR_TEST_BAO: program };
}

/** A browser that looks at the Temporal UI; nothing where there is none. */
export async function setUpBrowser() {
  const program = await findChromium();
  return program === undefined ? {} : { TGR_TEST_CHROMIUM: program };
}

/** Servers for tests of services. Docker must have been set up. */
async function setUpDatabases() {
  await ensureEach(DATABASE_IMAGES);
}

/** The server behind remote caches. */
async function setUpS3() {
  return { TGR_TEST_S3_SERVER: await findS3Server() };
}
