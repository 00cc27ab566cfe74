import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLiveBuilds } from '../../../src/activities/build/live-builds.ts';
import { whenAborted } from '../../../src/activities/build/when-aborted.ts';
import {
  concludeServices,
  followServices,
} from '../../../src/activities/environment/service-logs.ts';
import type { ContainerStatus, Log, Ports } from '../../../src/ports/index.ts';
import { NO_SERVICES_CONFIG } from '../../../src/domain/runner/services-config.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { settle } from '../support/manual-clock.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const SERVICE = {
  ...{ index: 0, containerId: 'id-db', containerName: 'postgres-0', aliases: ['db', 'sql'] },
  ...{ addresses: [], ports: [] },
};

interface Options {
  readonly isWanted?: boolean;
  readonly services?: readonly (typeof SERVICE)[];
  /** False: the services start only when the test says so. */
  readonly areStarted?: boolean;
  readonly status?: Partial<ContainerStatus> | Error;
  readonly fault?: Error;
}

/** A build with services that have started. Copying ends when it is told to, or with the fault. */
function setUp(options: Options = {}) {
  const { isWanted = true, services = [SERVICE], areStarted = true, status = {}, fault } = options;
  const { docker } = contextOf().runner;
  const limits = { ...NO_SERVICES_CONFIG, memoryBytes: 64 * 1024 * 1024 };
  const context = contextOf({
    job: { variables: [{ key: 'CI_DEBUG_SERVICES', value: `${isWanted}` }] },
    runner: { docker: { ...docker, services: limits } },
  });
  const world = createWorld(context);
  const noteServices = () => void world.disk.notes.set('services', services);
  if (areStarted) noteServices();
  const copied: string[] = [];
  const engine: Partial<ReturnType<Ports['engine']>> = {
    copyServiceLog: (id, { name, file, signal }) => {
      copied.push(`${id} ${name} ${file}`);
      if (fault !== undefined) return Promise.reject(fault);
      return whenAborted(signal);
    },
    inspectContainer: () =>
      status instanceof Error
        ? Promise.reject(status)
        : Promise.resolve({ oomKilled: false, ...status } as ContainerStatus),
  };
  const warnings: string[] = [];
  const open = async () => {
    const process = openProcess(world, { engine });
    const log: Log = { ...process.ports.log, warn: (message) => void warnings.push(message) };
    const ports = { ...process.ports, log };
    const build = await createLiveBuilds(ports).open(context.buildId);
    // Their own file is followed until copying has ended.
    const followed: string[] = [];
    const trace: typeof build.trace = {
      ...build.trace,
      followFile: (source, path, signal) => {
        followed.push(`${source} ${path}`);
        return whenAborted(signal);
      },
    };
    const live = Object.assign(build, { trace });
    return {
      follow: () => followServices(live, ports),
      conclude: () => concludeServices(live, ports),
      followed,
    };
  };
  return { ...{ copied, warnings, open, noteServices }, trace: () => world.spool.saved.text };
}

describe('the logs of services', () => {
  it('are copied once by a process, under all names of the service, if the job wants them', async () => {
    const { copied, open } = setUp();
    const { follow, conclude, followed } = await open();
    await follow();
    await follow();
    await settle();
    assert.deepEqual(copied, ['id-db db-sql /services/0.log']);
    assert.deepEqual(followed, ['service/0 /services/0.log']);
    await conclude();
  });

  it('are copied although a stage has run before the services have started', async () => {
    const { copied, open, noteServices } = setUp({ areStarted: false });
    const { follow, conclude } = await open();
    await follow();
    assert.deepEqual(copied, []);
    noteServices();
    await follow();
    await settle();
    assert.equal(copied.length, 1);
    await conclude();
  });

  it('are not copied unless the job wants them', async () => {
    const { copied, open } = setUp({ isWanted: false });
    const { follow, conclude } = await open();
    await follow();
    await conclude();
    assert.deepEqual(copied, []);
  });

  it('are copied to their end by a process that has begun only after the job', async () => {
    const { copied, open } = setUp();
    await (await open()).conclude();
    assert.equal(copied.length, 1);
  });

  it('are copied no more after the end of the services, in any process', async () => {
    const { copied, open } = setUp();
    await (await open()).conclude();
    await (await open()).conclude();
    assert.equal(copied.length, 1);
  });

  it('that Docker does not give cost a line in the node’s log, and not the job', async () => {
    const { warnings, open } = setUp({ fault: new Error('no such container') });
    const { follow, conclude } = await open();
    await follow();
    await conclude();
    assert.deepEqual(warnings, ['log of a service is not followed any more']);
  });
});

describe('a service that the kernel has killed', () => {
  it('is told of once, with its first name and its limit', async () => {
    const { trace, open } = setUp({ isWanted: false, status: { oomKilled: true } });
    await (await open()).conclude();
    await (await open()).conclude();
    const said = trace().match(/OOM killed: .*MiB/g);
    assert.deepEqual(said, ['OOM killed: service db used up its memory, its limit is 64 MiB']);
  });

  it('is no matter where Docker says nothing of it: the result is not delayed', async () => {
    const { trace, open } = setUp({ status: new Error('Docker is away') });
    await (await open()).conclude();
    assert.equal(trace(), '');
  });
});
