import Docker from 'dockerode';

/** Creates, starts, awaits and removes one container. No runner can do less. */
export async function runBareContainer(image: string): Promise<void> {
  const docker = new Docker();
  const container = await docker.createContainer({ Image: image, Cmd: ['true'] });
  try {
    await container.start();
    await container.wait();
  } finally {
    await container.remove({ force: true });
  }
}
