import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PlannedStage } from '../../../src/domain/context/stage.ts';
import { NO_SERVICES_CONFIG } from '../../../src/domain/runner/services-config.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { runStageOn } from '../support/prepared-stage.ts';
import { openProcess } from '../support/process.ts';
import { createWorld, type FakeContainer, type WorldOptions } from '../support/world.ts';

const SCRIPT: PlannedStage = { name: 'step_script', place: 'build', attempts: 1 };
const AFTER: PlannedStage = { name: 'after_script', place: 'build', attempts: 1 };

/** A build whose environment is prepared, with a service that runs. It is not waited for. */
async function prepared(options: WorldOptions = {}) {
  const plain = contextOf({
    job: {
      services: [{ name: 'redis' }],
      variables: [{ key: 'GIT_STRATEGY', value: 'none' }],
      steps: ['script', 'after_script'].map((name) => ({ name, script: ['make'] })),
    },
  });
  const services = { ...NO_SERVICES_CONFIG, waitTimeoutSeconds: -1 };
  const docker = { ...plain.runner.docker, services };
  const context = { ...plain, runner: { ...plain.runner, docker } };
  // The fake engine runs whatever a container of another place than the job's is to run.
  const world = createWorld(context, { scripts: { 'helper#1': { isEndless: true } }, ...options });
  let address = '172.17.0.2';
  const engine = {
    inspectEndpoint: () =>
      Promise.resolve({ addresses: [address], exposedTcpPorts: [], environment: [] }),
  };
  const { node } = openProcess(world, { engine }).activities;
  const build = { buildId: context.buildId };
  await runActivity(() => node.prepareEnvironment(build));
  const find = (ending: string): FakeContainer => {
    const found = [...world.docker.containers.values()].find(({ spec }) =>
      spec.name.endsWith(ending),
    );
    assert.ok(found !== undefined);
    return found;
  };
  return {
    ...{ world, run: runStageOn(node, build) },
    service: () => find('redis-0'),
    job: () => find('-build'),
    /** Docker has ended the container, and gives the service another address afterwards. */
    end: (container: FakeContainer, exitCode: number) => {
      container.status = { ...container.status, state: 'exited', exitCode };
      address = '172.17.0.3';
    },
  };
}

const succeeded = { kind: 'succeeded' };

describe('services that a restart of Docker has ended before the first script', () => {
  for (const [how, ofService, ofJob] of [
    ['were lost', 255, 255],
    ['have ended in good order', 0, 137],
  ] as const) {
    it(`and that ${how} are started again, and the job knows their new addresses`, async () => {
      const { run, service, job, end } = await prepared();
      const former = job();
      end(service(), ofService);
      end(former, ofJob);
      assert.deepEqual(await run(SCRIPT), succeeded);
      assert.equal(service().starts, 2);
      assert.notEqual(job(), former);
      assert.ok(job().spec.extraHosts.includes('redis:172.17.0.3'));
      assert.deepEqual([former.runs, job().runs], [0, 1]);
    });
  }

  it('are started again also where the job’s container was never started', async () => {
    const { run, service, job, end } = await prepared({ entrypoint: ['/tool'] });
    const former = job();
    end(service(), 255);
    assert.deepEqual(await run(SCRIPT), succeeded);
    assert.equal(service().starts, 2);
    assert.notEqual(job(), former);
    assert.ok(job().spec.extraHosts.includes('redis:172.17.0.3'));
  });

  it('are not started again when they have ended by themselves', async () => {
    for (const options of [{}, { entrypoint: ['/tool'] }]) {
      const { run, service, job, end } = await prepared(options);
      const former = job();
      end(service(), 0);
      assert.deepEqual(await run(SCRIPT), succeeded);
      assert.deepEqual([service().starts, job()], [1, former]);
    }
  });

  it('are not started again once a script has run', async () => {
    const { run, service, job, end } = await prepared();
    assert.deepEqual(await run(SCRIPT), succeeded);
    const former = job();
    end(service(), 255);
    assert.deepEqual(await run(AFTER), succeeded);
    assert.deepEqual([service().starts, job()], [1, former]);
  });
});
