import Docker from 'dockerode';

/** A client of the daemon at a host. Default: the usual daemon. */
export function dockerAt(host: string | undefined): Docker {
  return host === undefined
    ? new Docker()
    : new Docker({ socketPath: host.replace('unix://', '') });
}

/** Whether the engine is Podman, behind Docker's API. */
export async function isPodman(engine: Docker): Promise<boolean> {
  const { Components } = await engine.version();
  return Components.some(({ Name }) => Name === 'Podman Engine');
}
