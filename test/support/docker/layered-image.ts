import Docker from 'dockerode';
import { JOB_IMAGE } from './images.ts';
import type { Registry } from './registry.ts';

const docker = new Docker();
const LAYER_BYTES = 4_000_000;

/**
 * Makes an image on top of another, with a layer of noise that nobody has, and leaves it to the
 * registry alone.
 */
export async function pushLayered(
  registry: Registry,
  repository: string,
  base: string = JOB_IMAGE,
): Promise<void> {
  await registry.push(await makeLayered(base), repository);
}

/** Returns the new image's id. */
export function makeLayered(base: string): Promise<string> {
  return imageAfter(`head -c ${LAYER_BYTES} /dev/urandom > /noise-$(hostname)`, base);
}

/** An image with what a script has made of another one; returns its id. */
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
