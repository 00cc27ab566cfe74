import { atEnd } from './at-end.mjs';
import { ensureBuilt } from './build.mjs';
import { ensureDockerEngine } from './docker-engine.mjs';
import { ensureImages, HELPER_IMAGE, JOB_IMAGE } from './images.mjs';
import { findTemporalCli } from './temporal-cli.mjs';

/** Packages, compiled sources and a Temporal server. Returns the environment for what uses them. */
export async function setUpBuild() {
  await ensureBuilt();
  return { ...process.env, TEMPORAL_CLI_PATH: await findTemporalCli() };
}

/** Docker and its images. What was started for it is stopped at the script's end, unless kept. */
export async function setUpDocker({ keep = false } = {}) {
  const engine = await ensureDockerEngine();
  if (!keep) atEnd(() => engine.stop());
  await ensureImages();
  return { TGR_TEST_JOB_IMAGE: JOB_IMAGE, TGR_TEST_HELPER_IMAGE: HELPER_IMAGE };
}
