import { after, before, describe } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import Docker from 'dockerode';
import { openFaultLab, type FaultLab } from '../support/faults/faults.ts';
import { it } from '../support/faults/fault-report.ts';
import { makeLayered, pushLayered } from '../support/docker/layered-image.ts';
import { inMidPull, registryRefuses } from '../support/faults/pull-faults.ts';
import { openRegistryDoor, type RegistryDoor } from '../support/docker/registry-door.ts';
import { openRegistry, registryProgram, type Registry } from '../support/docker/registry.ts';
import { JOB_IMAGE } from '../support/docker/images.ts';
import type { Expectation } from '../support/scenario.ts';

const noRegistry = registryProgram() === undefined && 'there is no docker-registry here';
const PULLED: Expectation = { state: 'success', log: ['Pulling docker image', 'line 9'] };
const MANIFEST = /\/manifests\//;
const LAYER = /\/blobs\//;
const BUSY = { status: 429, code: 'TOOMANYREQUESTS', message: 'the rate limit is reached' };
const DOWN = { status: 503, code: 'UNAVAILABLE', message: 'the store is away' };
const LOCKED = { status: 401, code: 'UNAUTHORIZED', message: 'the token has expired' };

describe('while an image is pulled,', { skip: noRegistry }, () => {
  const docker = new Docker();
  let registry: Registry;
  let door: RegistryDoor;
  let lab: FaultLab;
  let count = 0;
  before(async () => {
    registry = await openRegistry();
    door = await openRegistryDoor(registry.host);
    lab = await openFaultLab({
      dockerToml: '    allowed_pull_policies = ["always", "if-not-present"]',
    });
  });
  after(async () => {
    await lab.close();
    await door.close();
    for (const { RepoTags } of await docker.listImages()) {
      for (const tag of (RepoTags ?? []).filter((each) => each.startsWith(`${door.host}/`))) {
        await docker.getImage(tag).remove({ force: true });
      }
    }
    await registry.close();
  });

  /**
   * Returns a reference through the proxy to an image with a layer that this machine does not have.
   */
  const anImage = async (base?: string): Promise<string> => {
    const repository = `fault/pull:${(count += 1)}`;
    await pushLayered(registry, repository, base);
    return `${door.host}/${repository}`;
  };
  const pullOf = (image: string) => ({ moment: 'acknowledged', image }) as const;

  it('another image with the same layers is removed: the pull completes', async () => {
    const base = `${door.host}/fault/base:1`;
    const [repo = ''] = base.split(/:1$/);
    await docker.getImage(await makeLayered(JOB_IMAGE)).tag({ repo, tag: '1' });
    const image = await anImage(base);
    await lab.run({
      ...pullOf(image),
      fault: inMidPull(
        () => door,
        'image with common layers removed',
        async () => {
          await docker.getImage(base).remove({ force: true });
          await docker.pruneImages();
          return 'rest';
        },
      ),
      expected: PULLED,
    });
  });

  it('the image that had its tag before is removed: the pull completes', async () => {
    const image = await anImage();
    const old = docker.getImage(JOB_IMAGE);
    await old.tag({ repo: image.slice(0, image.lastIndexOf(':')), tag: `${count}` });
    await lab.run({
      ...pullOf(image),
      payload: { image: { name: image, pull_policy: ['always'] } },
      fault: inMidPull(
        () => door,
        'old image of the same tag removed',
        async () => {
          await docker.getImage(image).remove({ force: true });
          return 'rest';
        },
      ),
      expected: PULLED,
    });
  });

  it('its connection is cut: Docker continues where it was', async () => {
    await lab.run({
      ...pullOf(await anImage()),
      fault: inMidPull(
        () => door,
        'connection to the registry cut',
        () => Promise.resolve('reset'),
      ),
      expected: PULLED,
    });
  });

  it('the registry dies and is back 5 s later: the pull completes', async () => {
    await lab.run({
      ...pullOf(await anImage()),
      fault: inMidPull(
        () => door,
        'registry killed, away for 5 s,',
        async () => {
          await registry.stop();
          await delay(5_000); // The outage lasts this long.
          await registry.start();
          return 'reset';
        },
      ),
      expected: PULLED,
    });
  });

  for (const [what, path] of [
    ['the manifest', MANIFEST],
    ['a layer', LAYER],
  ] as const) {
    for (const [name, refusal] of [
      ['429', BUSY],
      ['503', DOWN],
    ] as const) {
      it(`the registry answers ${name} for ${what} once: the request is repeated`, async () => {
        await lab.run({
          ...pullOf(await anImage()),
          fault: registryRefuses(() => door, `${name} for ${what} once`, {
            ...{ path, refusal, times: 1 },
          }),
          expected: PULLED,
        });
      });
    }
    it(`the registry answers 401 for ${what}: the failure names it`, async () => {
      const image = await anImage();
      await lab.run({
        ...pullOf(image),
        fault: registryRefuses(() => door, `401 for ${what}`, { path, refusal: LOCKED }),
        expected: {
          ...{ state: 'failed', failureReason: 'runner_configuration_error' },
          log: [`failed to pull image "${image}"`, 'check its name and tag, and the credentials'],
        },
        runs: { script: 0, afterScript: 0 },
      });
    });
  }

  it('the registry answers 429 again and again: the failure names it', async () => {
    const image = await anImage();
    await lab.run({
      ...pullOf(image),
      fault: registryRefuses(() => door, '429', { path: MANIFEST, refusal: BUSY }),
      // Podman asks such a registry twenty times itself, which takes two minutes.
      limitMs: 300_000,
      expected: {
        ...{ state: 'failed', failureReason: 'image_pull_failure' },
        log: [`failed to pull image "${image}"`, 'the rate limit is reached'],
      },
      runs: { script: 0, afterScript: 0 },
    });
  });
});
