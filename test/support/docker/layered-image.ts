import Docker from 'dockerode';
import { JOB_IMAGE } from './images.ts';
import type { Registry } from './registry.ts';

const docker = new Docker();
const LAYER_BYTES = 4_000_000;

/**
 * Creates an image on top of another one, with a layer of random bytes, and keeps it only in the
 * registry.
 */
export async function pushLayered(
  registry: Registry,
  repository: string,
  base: string = JOB_IMAGE,
): Promise<void> {
  await registry.push(await makeLayered(base), repository);
}

/** Creates an image on top of another one, and returns its id. */
export function makeLayered(base: string): Promise<string> {
  return imageAfter(`head -c ${LAYER_BYTES} /dev/urandom > /noise-$(hostname)`, base);
}

/** Creates an image by running a script in another one. Returns its id. */
export async function imageAfter(script: string, base: string = JOB_IMAGE): Promise<string> {
  const container = await docker.createContainer({ Image: base, Cmd: ['sh', '-c', script] });
  try {
    await container.start();
    await container.wait();
    const { Id } = (await container.commit()) as { readonly Id: string };
    return Id;
  } finally {
    await container.remove({ force: true });
  }
}
