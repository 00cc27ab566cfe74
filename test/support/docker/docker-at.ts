import Docker from 'dockerode';

/** Returns a client of the daemon at a host. The default is the usual daemon. */
export function dockerAt(host: string | undefined): Docker {
  return host === undefined
    ? new Docker()
    : new Docker({ socketPath: host.replace('unix://', '') });
}

/** Returns whether the engine is Podman, which offers Docker's API. */
export async function isPodman(engine: Docker): Promise<boolean> {
  const { Components } = await engine.version();
  return Components.some(({ Name }) => Name === 'Podman Engine');
}
