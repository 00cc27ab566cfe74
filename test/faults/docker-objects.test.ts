import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import Docker from 'dockerode';
import {
  startDockerProxy,
  type DockerProxy,
  type DockerRefusal,
} from '../support/docker/docker-proxy.ts';
import { dockerAt } from '../support/docker/docker-at.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type Fault, type FaultLab, type Scene } from '../support/faults/faults.ts';
import { openRegistry, registryProgram, type Registry } from '../support/docker/registry.ts';
import { JOB_IMAGE } from '../support/docker/images.ts';
import {
  copyImages,
  openSecondDaemon,
  whyNoSecondDaemon,
  type SecondDaemon,
} from '../support/docker/second-daemon.ts';

const BUILD_LABEL = 'temporal-gitlab-runner.build';
const noRegistry = registryProgram() === undefined && 'there is no docker-registry here';

describe('Docker’s answer', { skip: noRegistry }, () => {
  const docker = new Docker();
  let proxy: DockerProxy;
  let registry: Registry;
  let lab: FaultLab;
  let image: string;
  before(async () => {
    proxy = await startDockerProxy();
    registry = await openRegistry();
    image = await registry.push(JOB_IMAGE, 'fault/job:1');
    lab = await openFaultLab({ dockerToml: `    host = "${proxy.host}"` });
  });
  after(async () => {
    await lab.close();
    await registry.close();
    await proxy.close();
  });

  /** Returns a fault in which `act` handles the first `times` calls that create a container. */
  function atCreate(name: string, act: () => Promise<DockerRefusal | undefined>, times = 1): Fault {
    let left = times;
    return {
      name,
      strike: () => {
        proxy.intercept(async ({ method, path }) => {
          if (left === 0 || method !== 'POST' || path !== '/containers/create') return undefined;
          left -= 1;
          return act();
        });
      },
      confirm: () => assert.equal(left, 0, 'no container was created'),
    };
  }

  it('is that an image that was just pulled is gone: it is pulled again', () =>
    lab.run({
      moment: 'acknowledged',
      image,
      fault: atCreate('image removed between pull and create', async () => {
        await docker.getImage(image).remove({ force: true });
        return undefined;
      }),
      expected: {
        state: 'success',
        log: ['Pulling docker image', 'is gone from Docker at', 'line 9'],
      },
    }));

  it('is an internal error twice: the preparation is tried again', () =>
    lab.run({
      moment: 'acknowledged',
      fault: atCreate(
        'Docker answers 500',
        () => Promise.resolve({ status: 500, message: 'layer does not exist' }),
        2,
      ),
    }));
});

describe(
  'somebody removes Docker objects while a job runs',
  { skip: whyNoSecondDaemon() ?? false },
  () => {
    let daemon: SecondDaemon;
    let lab: FaultLab;
    before(async () => {
      daemon = await openSecondDaemon();
      await daemon.start({ liveRestore: false });
      await copyImages(daemon.host);
      lab = await openFaultLab({ daemon });
    });
    after(async () => {
      await lab.close();
      await daemon.close();
    });

    const tidy = (
      name: string,
      act: (docker: Docker, scene: Scene) => Promise<unknown>,
    ): Fault => ({
      name,
      strike: () => undefined,
      mend: async (scene) => {
        await act(dockerAt(daemon.host), scene);
      },
    });

    it('a volume, by force: Docker keeps a volume that a container has', () =>
      lab.run({
        moment: 'script',
        fault: tidy('volume removed', async (docker) => {
          const filters = JSON.stringify({ label: [BUILD_LABEL] });
          const { Volumes } = await docker.listVolumes({ filters });
          for (const { Name } of Volumes) {
            await assert.rejects(docker.getVolume(Name).remove({ force: true }), /in use/);
          }
        }),
      }));

    // This must be the last test, because it removes the images.
    it('with docker system prune -af --volumes: running containers stay, and nothing else is needed', () =>
      lab.run({
        moment: 'script',
        fault: tidy('docker system prune -af', async (docker) => {
          await docker.pruneContainers();
          await docker.pruneVolumes();
          await docker.pruneNetworks();
          await docker.pruneImages({ filters: { dangling: ['false'] } });
        }),
      }));
  },
);
