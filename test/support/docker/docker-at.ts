import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
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

/** Resolves when an engine that was started answers. Throws with its log when it does not. */
export async function untilReady(
  host: string,
  isAlive: () => boolean,
  logPath: string,
): Promise<void> {
  const docker = dockerAt(host);
  for (let tries = 0; tries < 600; tries += 1) {
    try {
      await docker.ping();
      return;
    } catch {
      // The socket appears when the engine is ready, and no event reports that.
      if (!isAlive()) break;
      await delay(50);
    }
  }
  throw new Error(`the engine at ${host} did not start: ${await readFile(logPath, 'utf8')}`);
}
