import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import {
  onService,
  removeNetwork,
  removeNetworkBeforeStart,
} from '../support/faults/docker-objects-faults.ts';
import { startDockerProxy, type DockerProxy } from '../support/docker/docker-proxy.ts';
import { onBuildContainer } from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type Fault, type FaultLab } from '../support/faults/faults.ts';

const LISTEN = 'while true; do echo here | nc -l -p 4000; done';

/** Returns the payload of a job with one service that runs this line. */
function serving(line: string) {
  const service = {
    name: 'temporal-gitlab-runner/busybox:local',
    alias: 'helpful',
    entrypoint: ['sh', '-c', line],
    variables: [{ key: 'HEALTHCHECK_TCP_PORT', value: '4000' }],
  };
  return { services: [service] };
}

function cancelPaused(): Fault {
  const { mend, ...paused } = onBuildContainer('paused, and the job canceled', (container) =>
    container.pause(),
  );
  return {
    ...paused,
    mend: async (scene) => {
      await mend?.(scene);
      scene.job.cancel();
    },
  };
}

describe('the other Docker objects of a job', () => {
  let proxy: DockerProxy;
  let lab: FaultLab;
  before(async () => {
    proxy = await startDockerProxy();
    lab = await openFaultLab({
      dockerToml: `    host = "${proxy.host}"\n    service_memory = "64m"`,
      runnerToml: '  limit = 1\n  environment = ["FF_NETWORK_PER_BUILD=true"]',
    });
  });
  after(async () => {
    await lab.close();
    await proxy.close();
  });

  it('network removed during the script: commands that need none continue', () =>
    lab.run({ moment: 'script', payload: serving(LISTEN), fault: removeNetwork() }));

  it('network removed before after_script: the result of the script counts', () =>
    lab.run({
      moment: 'script',
      fault: removeNetworkBeforeStart(proxy),
      expected: {
        state: 'success',
        log: [
          'line 9',
          /WARNING: after_script failed, but job will continue unaffected: .*network \S+ not found/,
        ],
      },
      runs: { script: 1, afterScript: 0 },
    }));

  it('network removed before the script: the job is a system failure that says so', () =>
    lab.run({
      moment: 'prepare',
      fault: removeNetworkBeforeStart(proxy),
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: [/network \S+ not found/],
      },
      runs: { script: 0, afterScript: 0 },
    }));

  for (const [name, act] of [
    ['killed', (container) => container.kill()],
    ['removed', (container) => container.remove({ force: true })],
    ['paused', (container) => container.pause()],
  ] as const satisfies readonly (readonly [string, Parameters<typeof onService>[1]])[]) {
    it(`service ${name} during the script: the job continues, and nothing is left`, () =>
      lab.run({ moment: 'script', payload: serving(LISTEN), fault: onService(name, act) }));
  }

  it('service out of memory: the job continues, and the trace names the limit', () =>
    lab.run({
      moment: 'script',
      payload: serving(
        `(${LISTEN}) & until [ -e /witness/$CI_JOB_ID.here ]; do sleep 0.1; done; head -c 200m /dev/zero | tail`,
      ),
      fault: onService('out of memory', async (container) => {
        const { StatusCode } = (await container.wait()) as { readonly StatusCode: number };
        assert.equal(StatusCode, 137);
      }),
      expected: {
        state: 'success',
        log: ['line 9', /OOM killed: service \S+ used up its memory, its limit is 64 MiB/],
      },
    }));

  it('container paused for good, and job canceled: the container is ended nevertheless', () =>
    lab.run({
      ...{ moment: 'script', isHeld: true },
      fault: cancelPaused(),
      expected: { state: 'canceled' },
    }));
});
