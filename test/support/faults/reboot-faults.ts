import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import type { Fault, Scene } from './faults.ts';

const docker = new Docker();
const BUILD_LABEL = 'temporal-gitlab-runner.build';

/**
 * Kills everything that a power cut ends: the program, its Temporal and all containers of the job.
 */
export function rebootNode(): Fault {
  let killing: Promise<void> | undefined;
  return {
    name: 'node rebooted',
    strike: (scene) => {
      const { installation } = scene;
      installation.runner.signal('SIGKILL');
      const record = readFileSync(join(installation.stateDir, 'temporal', 'server.json'), 'utf8');
      process.kill((JSON.parse(record) as { readonly pid: number }).pid, 'SIGKILL');
      killing = killContainers(scene);
    },
    mend: async ({ installation }) => {
      await killing;
      await installation.runner.end('SIGKILL');
      await installation.start();
    },
  };
}

async function killContainers({ job }: Scene): Promise<void> {
  const filters = { label: [BUILD_LABEL] };
  const all = await docker.listContainers({ all: true, filters });
  const ours = all.filter(({ Labels }) => Labels[BUILD_LABEL]?.endsWith(`/${job.id}`) === true);
  await Promise.all(ours.map(({ Id }) => kill(Id)));
}

/**
 * Kills a container. Tries again while the container starts, because its script may run before
 * Docker reports it as running.
 */
async function kill(id: string): Promise<void> {
  for (let tries = 1; tries <= 20; tries += 1) {
    try {
      await docker.getContainer(id).kill();
      return;
    } catch (error) {
      const { statusCode } = error as { readonly statusCode?: number };
      if (statusCode === 404) return; // The container was just removed.
      if (statusCode !== 409) throw error;
      await delay(100);
    }
  }
}
