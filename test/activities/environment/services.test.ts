import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FinalError, TransientError } from '../../../src/domain/failure.ts';
import { NO_SERVICES_CONFIG } from '../../../src/domain/runner/services-config.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { openProcess, type ProcessOptions } from '../support/process.ts';
import { createWorld, type FakeContainer, type World } from '../support/world.ts';
import { openActivityCall } from '../../support/temporal/activity-call.ts';

const SERVICES = [{ name: 'postgres:15', alias: 'db' }, { name: 'redis' }];

/** Services are not waited for here. The tests with real services cover that. */
function open(
  services: readonly object[],
  options: ProcessOptions = {},
  {
    variables = [],
    networkMode = '',
  }: { variables?: readonly object[]; networkMode?: string } = {},
) {
  const plain = contextOf({
    job: { services, variables: [{ key: 'GIT_STRATEGY', value: 'none' }, ...variables] },
  });
  const docker = {
    ...plain.runner.docker,
    networkMode,
    services: { ...NO_SERVICES_CONFIG, waitTimeoutSeconds: -1 },
  };
  const context = { ...plain, runner: { ...plain.runner, docker } };
  const world = createWorld(context);
  const prepare = (more: ProcessOptions = options): Promise<void> => {
    const { node } = openProcess(world, more).activities;
    return runActivity(() => node.prepareEnvironment({ buildId: context.buildId }));
  };
  return { world, prepare };
}

function startsOf({ docker }: World): readonly (readonly [string, number])[] {
  return [...docker.containers.values()].map(({ spec, starts }) => [
    spec.name.replace(/^runner-.*?[0-9a-f]{16}-/, ''),
    starts,
  ]);
}

describe('preparing services', () => {
  it('warns about the job’s settings without an unmasked copy of them outside of the trace', async () => {
    const { world, prepare } = open([{ name: 'redis', alias: '-bad-canary' }]);
    const digest = (text: string): string => `digest of ${text.length} characters`;
    await prepare({ ports: { digests: { md5Hex: digest, sha256Hex: digest } } });
    assert.match(world.spool.saved.text, /-bad-canary/);
    assert.doesNotMatch([...world.spool.saved.keys].join(), /canary/);
  });

  it('starts them, and gives the job their names and addresses on the usual bridge', async () => {
    const { world, prepare } = open(SERVICES);
    await prepare();
    assert.deepEqual(startsOf(world), [
      ['postgres-0', 1],
      ['redis-1', 1],
      ['build', 1],
    ]);
    const build = [...world.docker.containers.values()].at(-1);
    const names = build?.spec.extraHosts.filter((host) => !host.startsWith('id-'));
    assert.deepEqual(names, ['postgres:172.17.0.9', 'db:172.17.0.9', 'redis:172.17.0.9']);
  });

  it('gives the job their addresses in a network of the configuration, which other jobs share', async () => {
    const { world, prepare } = open(SERVICES, {}, { networkMode: 'mynet' });
    await prepare();
    const build = [...world.docker.containers.values()].at(-1);
    assert.ok(build?.spec.extraHosts.includes('db:172.17.0.9'));
  });

  it('leaves the names to Docker in a network of the build’s own', async () => {
    const variables = [{ key: 'FF_NETWORK_PER_BUILD', value: 'true' }];
    const { world, prepare } = open(SERVICES, {}, { variables });
    await prepare();
    const build = [...world.docker.containers.values()].at(-1);
    assert.deepEqual(build?.spec.extraHosts, []);
  });

  it('gives no lines for services without addresses, as those in the network of the host', async () => {
    const endpoint = { addresses: [], exposedTcpPorts: [], environment: [] };
    const engine = { inspectEndpoint: () => Promise.resolve(endpoint) };
    const { world, prepare } = open(SERVICES, { engine }, { networkMode: 'host' });
    await prepare();
    const build = [...world.docker.containers.values()].at(-1);
    assert.deepEqual(build?.spec.extraHosts, []);
  });

  it('announces them in order before anything is pulled', async () => {
    const { world, prepare } = open(SERVICES);
    await prepare();
    const { text } = world.spool.saved;
    assert.match(text, /Starting service postgres:15\.\.\.[^]*Starting service redis:latest\.\.\./);
    assert.ok(text.indexOf('redis:latest...') < text.indexOf('Using effective pull policy'));
    assert.deepEqual(
      world.docker.pulls.toSorted(),
      [
        'alpine:3',
        'postgres:15',
        'redis:latest',
        'registry.gitlab.com/gitlab-org/gitlab-runner/gitlab-runner-helper:x86_64-v19.4.0',
      ].toSorted(),
    );
  });

  it('starts none twice when it is repeated, whatever their state', async () => {
    const { world, prepare } = open(SERVICES);
    await prepare();
    const [first] = world.docker.containers.values();
    if (first !== undefined) first.status = { ...first.status, state: 'exited' };
    await prepare();
    assert.deepEqual(startsOf(world).slice(0, 2), [
      ['postgres-0', 1],
      ['redis-1', 1],
    ]);
  });

  it('starts an ended one again after a failed try, with containers that know its address', async () => {
    const down = new TransientError('cannot reach Docker');
    const { world, prepare } = open(SERVICES);
    await prepare();
    const all = (): FakeContainer[] => [...world.docker.containers.values()];
    const former = all().at(-1);
    await assert.rejects(prepare({ engine: { createContainer: () => Promise.reject(down) } }));
    for (const each of all()) {
      if (each.spec.name.endsWith('postgres-0')) continue;
      each.status = { ...each.status, state: 'exited', exitCode: 255 };
    }
    const addresses = ['172.17.0.10'];
    const endpoint = { addresses, exposedTcpPorts: [], environment: [] };
    await prepare({ engine: { inspectEndpoint: () => Promise.resolve(endpoint) } });
    assert.deepEqual(startsOf(world).slice(0, 2), [
      ['postgres-0', 1],
      ['redis-1', 2],
    ]);
    const build = all().at(-1);
    assert.notEqual(build, former);
    assert.ok(build?.spec.extraHosts.includes('redis:172.17.0.10'));
  });

  for (const [how, ofServices, ofBuild] of [
    ['lost', 255, 255],
    ['stopped in good order', 0, 137],
  ] as const) {
    it(`starts them again in a repeated beginning when a restart of Docker has ${how} all`, async () => {
      const { world, prepare } = open(SERVICES);
      await prepare();
      const former = [...world.docker.containers.values()].at(-1);
      for (const each of world.docker.containers.values()) {
        const exitCode = each.spec.name.endsWith('-build') ? ofBuild : ofServices;
        each.status = { ...each.status, state: 'exited', exitCode };
      }
      await prepare();
      assert.deepEqual(startsOf(world).slice(0, 2), [
        ['postgres-0', 2],
        ['redis-1', 2],
      ]);
      assert.notEqual([...world.docker.containers.values()].at(-1), former);
    });
  }

  it('follows the logs of those that it starts again', async () => {
    const { world } = open(
      SERVICES,
      {},
      {
        variables: [{ key: 'CI_DEBUG_SERVICES', value: 'true' }],
      },
    );
    const copied: string[] = [];
    const { node } = openProcess(world, {
      engine: {
        copyServiceLog: (id) => Promise.resolve(void copied.push(id)),
      },
    }).activities;
    const buildId = [...world.disk.records.keys()][0] ?? '';
    await runActivity(() => node.prepareEnvironment({ buildId }));
    for (const each of world.docker.containers.values()) {
      each.status = { ...each.status, state: 'exited', exitCode: 255 };
    }
    await runActivity(() => node.prepareEnvironment({ buildId }));
    const ids = [...world.docker.containers.keys()].slice(0, 2);
    assert.deepEqual(copied, [...ids, ...ids]);
  });

  it('starts none twice after a failed try when all still run', async () => {
    const down = new TransientError('cannot reach Docker');
    const { world, prepare } = open(SERVICES);
    await prepare();
    const before = [...world.docker.containers.keys()];
    await assert.rejects(prepare({ engine: { createContainer: () => Promise.reject(down) } }));
    await prepare();
    assert.deepEqual([...world.docker.containers.keys()], before);
    assert.deepEqual(startsOf(world).slice(0, 2), [
      ['postgres-0', 1],
      ['redis-1', 1],
    ]);
  });

  it('starts none twice when the process dies at any moment', async () => {
    for (let call = 1; ; call += 1) {
      const { world, prepare } = open(SERVICES);
      const process = openProcess(world, { cut: { call, when: 'after' } });
      const buildId = [...world.disk.records.keys()][0] ?? '';
      const environment = openActivityCall();
      const first = environment.run(() => process.activities.node.prepareEnvironment({ buildId }));
      const end = await Promise.race([first.then(() => 'done'), process.died]);
      if (end === 'died') {
        environment.cancel('WORKER_SHUTDOWN');
        await first.catch(() => undefined);
        await prepare({});
      }
      for (const [name, starts] of startsOf(world).slice(0, 2)) {
        assert.equal(starts, 1, `${name} after a death at call ${call}`);
      }
      if (end === 'done') return;
    }
  });

  it('fails the job when its port to check is invalid', async () => {
    const { prepare } = open(SERVICES, {
      engine: {
        inspectEndpoint: () =>
          Promise.resolve({
            addresses: [],
            exposedTcpPorts: [],
            environment: ['HEALTHCHECK_TCP_PORT=http'],
          }),
      },
    });
    await assert.rejects(
      prepare(),
      (error) => error instanceof FinalError && /tcp port: "http"/.test(error.message),
    );
  });
});
