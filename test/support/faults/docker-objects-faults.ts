import assert from 'node:assert/strict';
import Docker from 'dockerode';
import type { DockerProxy } from '../docker/docker-proxy.ts';
import { onContainer } from './fault-kinds.ts';
import type { Fault, Scene } from './faults.ts';

// In these faults another program changes objects of a job in Docker, other than the job's
// container.

const docker = new Docker();
const BUILD_LABEL = 'temporal-gitlab-runner.build';
const TYPE_LABEL = 'com.gitlab.gitlab-runner.type';

export function onService(
  name: string,
  act: (container: Docker.Container) => Promise<unknown>,
): Fault {
  return onContainer({ name: `service ${name}`, labels: [`${TYPE_LABEL}=service`] }, act);
}

/** Disconnects everything from the job's network and removes it. */
export function removeNetwork(): Fault {
  return {
    name: 'network removed',
    strike: () => undefined,
    mend: ({ job }) => removeNetworkOf(job),
  };
}

/**
 * Another program prunes networks while no container of the job runs, just before the next one
 * starts.
 */
export function removeNetworkBeforeStart(proxy: DockerProxy): Fault {
  let isRemoved = false;
  return {
    name: 'network removed between two stages',
    strike: ({ job }) =>
      proxy.intercept(async ({ path }) => {
        if (isRemoved || !/^\/containers\/[^/]+\/start$/.test(path)) return undefined;
        isRemoved = true;
        await removeNetworkOf(job);
        return undefined;
      }),
    confirm: () => assert.ok(isRemoved, 'no stage was started any more'),
  };
}

async function removeNetworkOf(job: Scene['job']): Promise<void> {
  const found = (await docker.listNetworks({ filters: { label: [BUILD_LABEL] } })).find(isOf(job));
  assert.ok(found !== undefined, 'the job has no network');
  const network = docker.getNetwork(found.Id);
  const { Containers } = (await network.inspect()) as { readonly Containers?: object };
  for (const Container of Object.keys(Containers ?? {})) {
    await network.disconnect({ Container, Force: true });
  }
  await network.remove();
}

interface Labeled {
  readonly Labels?: Readonly<Record<string, string>> | undefined;
}

function isOf({ id }: Scene['job']): (object: Labeled) => boolean {
  return ({ Labels }) => Labels?.[BUILD_LABEL]?.endsWith(`/${id}`) === true;
}
