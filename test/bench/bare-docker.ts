import Docker from 'dockerode';

/** The lower limit for any runner: one container created, started, waited for and removed. */
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
