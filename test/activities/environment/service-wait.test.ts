import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createLiveBuilds } from '../../../src/activities/build/live-builds.ts';
import { planFor } from '../../../src/activities/environment/containers.ts';
import { waitForServices } from '../../../src/activities/environment/service-wait.ts';
import type { StartedService } from '../../../src/activities/environment/services.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { NO_SERVICES_CONFIG } from '../../../src/domain/runner/services-config.ts';
import type { ContainerSpec } from '../../../src/domain/executor/specs.ts';
import type { ContainerStatus, Ports } from '../../../src/ports/index.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { createManualClock, settle } from '../support/manual-clock.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const DATABASE: StartedService = {
  ...{ index: 0, containerId: 'id-db', containerName: 'postgres-0', aliases: ['db'] },
  ...{ addresses: ['172.17.0.2'], ports: [5432] },
};
const REDIS: StartedService = {
  ...{ index: 1, containerId: 'id-redis', containerName: 'redis-1', aliases: ['redis'] },
  ...{ addresses: ['172.17.0.3'], ports: [6379] },
};
const ANSWER = (index: number): string => `[${index}] dial succeeded on host:1\n`;

type FailingCall =
  | 'createContainer'
  | 'startContainer'
  | 'readLogs'
  | 'removeContainer'
  | 'confirm';

interface Options {
  readonly timeoutSeconds?: number;
  readonly networkMode?: string;
  /** Why Docker creates no container for the check. */
  readonly fault?: Error;
  /** The calls of Docker or Temporal that fail once, with a passing fault. */
  readonly failOnce?: readonly FailingCall[];
}

/** A build that waits for services, whose containers print and end as the test says. */
function setUp(options: Options = {}) {
  const { timeoutSeconds = 30, networkMode = '', fault, failOnce = [] } = options;
  const { docker } = contextOf().runner;
  const services = { ...NO_SERVICES_CONFIG, waitTimeoutSeconds: timeoutSeconds };
  const context = contextOf({ runner: { docker: { ...docker, networkMode, services } } });
  const world = createWorld(context);
  const logs = new Map<string, string>();
  const ends = new Map<string, (status?: Partial<ContainerStatus>) => void>();
  const checks: ContainerSpec[] = [];
  const removed: string[] = [];
  const failing = new Set(failOnce);
  const mayFail = (call: FailingCall) => {
    if (failing.delete(call)) throw new TransientError(`${call} has failed`);
  };
  let states: Readonly<Record<string, ContainerStatus['state']>> = {};
  const engine: Partial<ReturnType<Ports['engine']>> = {
    createContainer: async (spec) => {
      mayFail('createContainer');
      if (fault !== undefined) throw fault;
      if (!('check' in states)) checks.push(spec);
      states = { check: 'created', ...states };
      return 'check';
    },
    inspectContainer: (id) => Promise.resolve({ ...STATUS, id, state: states[id] ?? 'running' }),
    startContainer: async (id) => {
      mayFail('startContainer');
      logs.set(`starts ${id}`, `${logs.get(`starts ${id}`) ?? ''}1`);
      states = { ...states, [id]: 'running' };
    },
    waitForExit: (id, signal) =>
      new Promise((resolve, reject) => {
        ends.set(id, (status = { exitCode: 3, oomKilled: true }) => {
          states = { ...states, [id]: 'exited' };
          resolve({ ...STATUS, id, ...status });
        });
        signal.addEventListener('abort', () => reject(signal.reason as Error));
      }),
    readLogs: async (id) => {
      mayFail('readLogs');
      return [{ stream: 'stdout', bytes: new TextEncoder().encode(logs.get(id)) }];
    },
    removeContainer: async (id) => {
      mayFail('removeContainer');
      removed.push(id);
      states = Object.fromEntries(Object.entries(states).filter(([other]) => other !== id));
    },
  };
  const leases: Ports['leases'] = {
    ...openProcess(world).ports.leases,
    confirm: async () => {
      mayFail('confirm');
      return 'held';
    },
  };
  /** Begins the wait in a new process of the node. */
  const begin = async (waited: readonly StartedService[], startMs?: number) => {
    const clock = createManualClock(startMs);
    const { ports } = openProcess(world, { engine, ports: { clock, leases } });
    const build = await createLiveBuilds(ports).open(context.buildId);
    const plan = planFor(build, ports);
    const stop = new AbortController();
    let end = 'waits';
    const options = { plan, services: waited, helperImage: 'helper', ports, signal: stop.signal };
    const ended = waitForServices(build, options).then(
      () => (end = 'over'),
      () => (end = 'stopped'),
    );
    await settle();
    return { clock, stop, ended, end: () => end };
  };
  return { ...{ world, logs, ends, checks, removed, begin }, trace: () => world.spool.saved.text };
}

/** How a restart of Docker leaves a container. */
const LOST = { exitCode: 255 };

const STATUS: ContainerStatus = {
  ...{ id: '', state: 'exited', exitCode: 0, oomKilled: false, error: '', labels: {} },
  ...{ startedAt: '', opensStdin: false },
};

describe('the wait for services', () => {
  it('asks nothing and says nothing without services, or where config.toml forbids it', async () => {
    const none = setUp();
    await (
      await none.begin([])
    ).ended;
    const forbidden = setUp({ timeoutSeconds: -1 });
    await (
      await forbidden.begin([DATABASE])
    ).ended;
    assert.deepEqual([none.checks, forbidden.checks], [[], []]);
    assert.equal(none.trace() + forbidden.trace(), '');
  });

  it('ends when all listen, removes the check, and is not repeated', async () => {
    const { logs, ends, checks, removed, trace, begin } = setUp();
    const wait = await begin([DATABASE, REDIS]);
    assert.equal(wait.end(), 'waits');
    logs.set('check', ANSWER(0) + ANSWER(1));
    ends.get('check')?.();
    await wait.ended;
    assert.equal(wait.end(), 'over');
    assert.deepEqual(removed, ['check']);
    assert.match(trace(), /Waiting for services to be up and running \(timeout 30 seconds\)/);
    assert.doesNotMatch(trace(), /WARNING/);
    await (
      await begin([DATABASE, REDIS])
    ).ended;
    assert.equal(checks.length, 1);
  });

  it('asks each at its own address and ports', async () => {
    const { checks, begin } = setUp();
    await begin([DATABASE, { ...REDIS, ports: [1, 2] }]);
    const targets = checks[0]?.entrypoint?.slice(-2);
    assert.deepEqual(targets, ['0 172.17.0.2 5432', '1 172.17.0.3 1 2']);
  });

  it('asks at the local host where all containers share one network', async () => {
    const { checks, begin } = setUp({ networkMode: 'host' });
    await begin([{ ...DATABASE, addresses: [] }]);
    assert.equal(checks[0]?.entrypoint?.at(-1), '0 127.0.0.1 5432');
  });

  it('goes on in another process with the same check, for the rest of the time', async () => {
    const { checks, logs, begin } = setUp();
    await begin([DATABASE], 1_000_000);
    const second = await begin([DATABASE], 1_020_000);
    await second.clock.pass(9_999);
    assert.equal(second.end(), 'waits');
    await second.clock.pass(1);
    assert.equal(second.end(), 'over');
    assert.equal(checks.length, 1);
    assert.equal(logs.get('starts check'), '1');
  });

  it('is not done where Temporal did not say whose the build is, and is begun again', async () => {
    const { checks, trace, begin } = setUp({ failOnce: ['confirm'] });
    assert.equal((await begin([DATABASE])).end(), 'stopped');
    assert.doesNotMatch(trace(), /WARNING/);
    assert.equal((await begin([DATABASE])).end(), 'waits');
    assert.equal(checks.length, 1);
  });

  for (const call of ['createContainer', 'readLogs', 'removeContainer'] as const) {
    it(`keeps all answers though ${call} fails once`, async () => {
      const { logs, ends, trace, begin } = setUp({ failOnce: [call] });
      const wait = await begin([DATABASE]);
      logs.set('check', ANSWER(0));
      ends.get('check')?.();
      await settle();
      await wait.clock.pass(500);
      ends.get('check')?.();
      await settle();
      assert.equal(wait.end(), 'over');
      assert.doesNotMatch(trace(), /WARNING/);
    });
  }

  it('asks with another check when one cannot be started', async () => {
    const { checks, removed, begin } = setUp({ failOnce: ['startContainer'] });
    const wait = await begin([DATABASE]);
    await wait.clock.pass(500);
    assert.deepEqual([checks.length, removed], [2, ['check']]);
  });

  it('keeps the answers though Docker fails for a moment when the time is over', async () => {
    const { logs, trace, begin } = setUp({ failOnce: ['readLogs'] });
    logs.set('check', ANSWER(1));
    logs.set('id-db', 'starting up');
    const wait = await begin([DATABASE, REDIS]);
    await wait.clock.pass(30_000);
    await wait.clock.pass(500);
    await wait.clock.pass(0);
    assert.equal(wait.end(), 'over');
    assert.match(trace(), /Service postgres-0 probably/);
    assert.doesNotMatch(trace(), /Service redis-1/);
  });

  for (const services of [LOST, { exitCode: 0 }]) {
    it(`is a failed try when Docker was restarted meanwhile, which ended a service with ${services.exitCode}`, async () => {
      const { checks, ends, removed, trace, begin } = setUp();
      const wait = await begin([DATABASE, REDIS]);
      ends.get('id-db')?.(services);
      ends.get('check')?.(LOST);
      await settle();
      assert.equal(wait.end(), 'stopped');
      assert.deepEqual(removed, ['check']);
      assert.doesNotMatch(trace(), /WARNING/);
      assert.equal((await begin([DATABASE, REDIS])).end(), 'waits', 'it is not done');
      assert.equal(checks.length, 2);
    });
  }

  it('is a failed try, too, when the restart ends the check a moment after the service', async () => {
    const { ends, trace, begin } = setUp();
    const wait = await begin([DATABASE]);
    ends.get('id-db')?.({ exitCode: 0 });
    await settle();
    assert.equal(wait.end(), 'waits');
    ends.get('check')?.(LOST);
    await settle();
    assert.equal(wait.end(), 'stopped');
    assert.doesNotMatch(trace(), /WARNING/);
  });

  it('asks again when only its check was ended from outside', async () => {
    const { checks, logs, ends, trace, begin } = setUp();
    const wait = await begin([DATABASE]);
    ends.get('check')?.({ exitCode: 137 });
    await settle();
    await wait.clock.pass(500);
    assert.equal(checks.length, 2);
    logs.set('check', ANSWER(0));
    ends.get('check')?.({ exitCode: 0 });
    await settle();
    assert.equal(wait.end(), 'over');
    assert.doesNotMatch(trace(), /WARNING/);
  });

  it('is over when all have answered and run, however its check ended', async () => {
    const { checks, logs, ends, begin } = setUp();
    const wait = await begin([DATABASE]);
    logs.set('check', ANSWER(0));
    ends.get('check')?.({ exitCode: 137 });
    await settle();
    assert.equal(wait.end(), 'over');
    assert.equal(checks.length, 1);
  });

  it('is a failed try when Docker is away as its time ends', async () => {
    const fault = new TransientError('cannot reach Docker', { from: 'docker' });
    const { trace, begin } = setUp({ fault });
    const wait = await begin([DATABASE]);
    await wait.clock.pass(29_999);
    assert.equal(wait.end(), 'waits');
    await wait.clock.pass(500);
    assert.equal(wait.end(), 'stopped');
    assert.doesNotMatch(trace(), /WARNING/);
  });

  it('ends at once, and is not done, when the job is canceled', async () => {
    const { checks, begin } = setUp();
    const wait = await begin([DATABASE]);
    wait.stop.abort(new Error('canceled'));
    await wait.ended;
    assert.equal(wait.end(), 'stopped');
    assert.equal((await begin([DATABASE])).end(), 'waits');
    assert.equal(checks.length, 1);
  });
});

describe('a service that does not listen', () => {
  it('costs a warning with its log and the log of its check, and never the job', async () => {
    const { logs, trace, begin } = setUp();
    logs.set('check', `${ANSWER(1)}[0] waiting for TCP connection\n`);
    logs.set('id-db', 'starting up');
    const wait = await begin([DATABASE, REDIS]);
    await wait.clock.pass(30_000);
    assert.equal(wait.end(), 'over');
    const [, warning = ''] = trace().split('*** WARNING:');
    assert.match(warning, /Service postgres-0 probably didn't start properly/);
    assert.match(warning, /Health check error:\nservice "postgres-0-wait-for-service" timeout/);
    assert.match(warning, /logs:\nwaiting for TCP connection\n[^]*logs:\nstarting up\n/);
    assert.doesNotMatch(trace(), /Service redis-1/);
  });

  it('because it has ended does not hold the job until the time is over', async () => {
    const { logs, ends, trace, begin } = setUp();
    const wait = await begin([DATABASE, REDIS]);
    ends.get('id-db')?.();
    await settle();
    assert.equal(wait.end(), 'waits', 'the other one is still waited for');
    logs.set('check', ANSWER(1));
    await wait.clock.pass(500);
    // A restart of Docker would end the check in this time.
    await wait.clock.pass(500);
    assert.equal(wait.end(), 'over');
    assert.match(trace(), /"postgres-0" has ended with exit code 3 \(OOM killed/);
  });

  it('because it has ended does not hold the job, though the check’s log is not read at once', async () => {
    const { logs, ends, begin } = setUp({ failOnce: ['readLogs'] });
    const wait = await begin([DATABASE, REDIS]);
    logs.set('check', ANSWER(1));
    ends.get('id-db')?.();
    await settle();
    await wait.clock.pass(500);
    // A restart of Docker would end the check in this time.
    await wait.clock.pass(500);
    assert.equal(wait.end(), 'over');
  });

  const reasons: [why: string, service: StartedService, said: RegExp][] = [
    ['has no port to ask at', { ...DATABASE, ports: [] }, /"postgres-0" has no exposed ports/],
    ['has no address', { ...DATABASE, addresses: [] }, /"postgres-0" has no address/],
  ];
  for (const [why, service, said] of reasons) {
    it(`because it ${why} is warned of without a check, once it has printed`, async () => {
      const { checks, logs, trace, begin } = setUp();
      const wait = await begin([service]);
      assert.equal(wait.end(), 'waits', 'it may still say why');
      logs.set('id-db', 'no port');
      await wait.clock.pass(1_000);
      await wait.clock.pass(1_000);
      assert.equal(wait.end(), 'over');
      assert.deepEqual(checks, []);
      assert.match(trace(), said);
      assert.match(trace(), /logs:\nno port\n/);
    });
  }

  it('and prints nothing is given ten seconds to say something', async () => {
    const { begin } = setUp();
    const wait = await begin([{ ...DATABASE, ports: [] }]);
    for (let second = 0; second < 9; second += 1) await wait.clock.pass(1_000);
    assert.equal(wait.end(), 'waits');
    await wait.clock.pass(1_000);
    assert.equal(wait.end(), 'over');
  });

  it('because Docker could not check it is warned of with Docker’s words', async () => {
    const { logs, trace, begin } = setUp({ fault: new Error('no such image: helper') });
    logs.set('id-db', 'ready');
    const wait = await begin([DATABASE]);
    await wait.clock.pass(1_000);
    assert.equal(wait.end(), 'over');
    assert.match(trace(), /Health check error:\nno such image: helper\n/);
  });
});
