import Docker from 'dockerode';

/** What no runner can be faster than: one container made, started, waited for and removed. */
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
