import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildTree, canBuildTree, packTree } from './debian-tree.mjs';
import { openDocker } from './docker-engine.mjs';
import { CACHE } from './paths.mjs';
import { SetUpError, say, step } from './say.mjs';

const PULL_SILENCE_MS = 10_000;
const RECIPE_LABEL = 'temporal-gitlab-runner.recipe';
const BASIC = ['bash', 'coreutils', 'dash', 'findutils', 'grep', 'gzip', 'sed', 'tar'];
const HELPER_ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'x86_64';

export const JOB_IMAGE = 'temporal-gitlab-runner/job:local';
export const HELPER_IMAGE = 'temporal-gitlab-runner/helper:local';

/**
 * The images that tests and the quickstart use. `reference` is pulled when a registry answers.
 * Otherwise the image is made from packages of this machine's own Debian or Ubuntu.
 */
const IMAGES = [
  {
    name: JOB_IMAGE,
    reference: 'debian:bookworm-slim',
    packages: [...BASIC, 'hostname', 'mawk'],
    changes: ['CMD ["bash"]'],
  },
  {
    name: HELPER_IMAGE,
    reference: `gitlab/gitlab-runner-helper:${HELPER_ARCHITECTURE}-latest`,
    packages: [...BASIC, 'ca-certificates', 'git'],
    changes: ['CMD ["sh"]'],
  },
  {
    name: 'temporal-gitlab-runner/busybox:local',
    reference: 'busybox:stable',
    packages: ['busybox-static'],
    changes: ['CMD ["sh"]'],
  },
];

/** An image whose own user is not root, for tests. */
const NON_ROOT = { name: 'temporal-gitlab-runner/nonroot:local', from: IMAGES[2].name };

/** Pulls or makes each image that is missing. */
export async function ensureImages() {
  await ensureEach(IMAGES);
  await ensureNonRoot(await openDocker());
}

/** Does the same for the images of a small pipeline. */
export function ensureDemoImages() {
  return ensureEach(IMAGES.filter(({ name }) => [JOB_IMAGE, HELPER_IMAGE].includes(name)));
}

/** Does the same for the images of another list. */
export async function ensureEach(images) {
  const docker = await openDocker();
  const arePresent = await Promise.all(images.map((image) => isPresent(docker, image)));
  const missing = images.filter((_, index) => !arePresent[index]);
  await Promise.all((await pullEach(docker, missing)).map((image) => build(docker, image)));
}

/**
 * Pulls the images, and returns those that no registry has. When a registry does not answer for the
 * first image, the others do not wait for it.
 */
async function pullEach(docker, [first, ...others]) {
  if (first === undefined) return [];
  if (!(await pull(docker, first))) return [first, ...others];
  const arePulled = await Promise.all(others.map((image) => pull(docker, image)));
  return others.filter((_, index) => !arePulled[index]);
}

async function isPresent(docker, image) {
  const found = await inspect(docker, image.name);
  const recipe = found?.Config?.Labels?.[RECIPE_LABEL];
  return found !== undefined && (recipe === undefined || recipe === digest(image));
}

async function inspect(docker, name) {
  try {
    return await docker.getImage(name).inspect();
  } catch (error) {
    if (error.statusCode === 404) return undefined;
    throw error;
  }
}

function digest({ packages, changes, leftOut, script }) {
  const recipe = JSON.stringify({
    packages,
    changes,
    version: 1,
    leftOut: leftOut?.source,
    script,
  });
  return createHash('sha256').update(recipe).digest('hex').slice(0, 16);
}

async function pull(docker, { name, reference }) {
  try {
    await step(
      `pull ${reference}`,
      async () => {
        await followPull(docker, await within(docker.pull(reference)));
        const [repo, tag] = name.split(':');
        await docker.getImage(reference).tag({ repo, tag });
      },
      'the registry',
    );
    return true;
  } catch (error) {
    say(`  no registry gives ${reference} (${error.message}); made from packages instead`);
    return false;
  }
}

/** Limits the wait. A registry that does not answer for this long counts as unreachable. */
function within(promise) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), PULL_SILENCE_MS);
  });
  return Promise.race([promise, silence]).finally(() => clearTimeout(timer));
}

function followPull(docker, stream) {
  return new Promise((resolve, reject) => {
    const silence = setTimeout(() => stream.destroy(new Error('no answer')), PULL_SILENCE_MS);
    const done = (error) => {
      clearTimeout(silence);
      if (error) reject(error);
      else resolve();
    };
    stream.on('error', done);
    docker.modem.followProgress(stream, done, () => silence.refresh());
  });
}

async function build(docker, image) {
  if (!canBuildTree()) {
    throw new SetUpError(
      `image ${image.name} is missing: no registry gives ${image.reference}, and only on Debian or ` +
        `Ubuntu it can be made from packages. Pull or load it yourself: docker tag … ${image.name}`,
    );
  }
  await mkdir(CACHE, { recursive: true });
  const directory = await mkdtemp(join(CACHE, 'image-'));
  try {
    await step(
      `make ${image.name} from packages`,
      async () => {
        const tree = await buildTree(directory, image);
        await image.prepare?.(tree);
        const changes = [...image.changes, `LABEL ${RECIPE_LABEL}=${digest(image)}`, ...PATH];
        await importTree(docker, tree, { name: image.name, changes });
      },
      'apt-get to download the packages',
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

const PATH = ['ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'];

async function importTree(docker, tree, { name, changes }) {
  const [repo, tag] = name.split(':');
  const stream = await docker.importImage(packTree(tree), { repo, tag, changes });
  await new Promise((resolve, reject) => {
    docker.modem.followProgress(stream, (error) => (error ? reject(error) : resolve()));
  });
}

async function ensureNonRoot(docker) {
  const base = await inspect(docker, NON_ROOT.from);
  const found = await inspect(docker, NON_ROOT.name);
  if (found?.Config?.Labels?.[RECIPE_LABEL] === base.Id) return;
  const container = await docker.createContainer({ Image: NON_ROOT.from, Cmd: ['true'] });
  try {
    const [repo, tag] = NON_ROOT.name.split(':');
    const changes = ['USER 1000:1000', `LABEL ${RECIPE_LABEL}=${base.Id}`];
    await container.commit({ repo, tag, changes: changes.join('\n') });
  } finally {
    await container.remove();
  }
}
