import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Docker from 'dockerode';
import type { Fault, Scene } from './faults.ts';

const docker = new Docker();
const BUILD_LABEL = 'temporal-gitlab-runner.build';

/** Power goes off for the whole machine: the program, its Temporal and all containers of the job. */
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
  const running = await docker.listContainers({ filters });
  const ours = running.filter(({ Labels }) => Labels[BUILD_LABEL]?.endsWith(`/${job.id}`) === true);
  await Promise.all(
    ours.map(async ({ Id }) => {
      await docker
        .getContainer(Id)
        .kill()
        .catch((error: unknown) => {
          // It had ended by itself.
          if ((error as { readonly statusCode?: number }).statusCode !== 409) throw error;
        });
    }),
  );
}
