import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const BUSYBOX = 'temporal-gitlab-runner/busybox:local';
const VARIABLES = [NO_GIT, { key: 'CI_DEBUG_SERVICES', value: 'true' }];
const LISTEN = 'while true; do echo here | nc -l -p 4000; done';

function service(line: string): object {
  return {
    name: BUSYBOX,
    alias: 'counter',
    entrypoint: ['sh', '-c', line],
    variables: [{ key: 'HEALTHCHECK_TCP_PORT', value: '4000' }],
  };
}

function numbersOf(log: string): readonly number[] {
  return [...log.matchAll(/counter\] \S+ tick (\d+)$/gm)].map(([, number]) => Number(number));
}

describe('services when the worker dies', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({ concurrent: 2 });
    await installation.start();
  });
  after(() => installation.close());

  const restart = async (): Promise<void> => {
    await installation.runner.end('SIGKILL');
    await installation.start();
  };

  it('keep running, and each line of their log is in the trace once', async () => {
    const ticks = 'i=0; while true; do i=$((i+1)); echo "tick $i"; sleep 0.2; done';
    const job = installation.gitlab.addJob({
      script: ['for i in $(seq 1 40); do sleep 0.2; done', 'echo script-ran'],
      variables: VARIABLES,
      payload: { services: [service(`(${LISTEN}) & ${ticks}`)] },
    });
    await job.whenLog(/tick 8$/m);
    await restart();
    await job.whenFinished(120_000);
    assertJob(job, { state: 'success', log: ['script-ran', 'Job succeeded'] });
    const numbers = numbersOf(job.log);
    assert.ok(numbers.length > 30, `only ${numbers.length} lines of the service`);
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
      'every line once, in order',
    );
    await installation.whenClean();
    assert.deepEqual(installation.gitlab.violations, []);
  });

  it('are started once, and the next process waits for them, when it dies while they start', async () => {
    const job = installation.gitlab.addJob({
      script: ['echo script-ran'],
      variables: VARIABLES,
      payload: { services: [service(`echo tick 1; sleep 8; ${LISTEN}`)] },
    });
    await job.whenLog(/Waiting for services/);
    await restart();
    await job.whenFinished(120_000);
    assertJob(job, { state: 'success', log: ['script-ran'], never: ["didn't start properly"] });
    assert.deepEqual(numbersOf(job.log), [1]);
    assert.equal(job.log.match(/Starting service/g)?.length, 1);
    await installation.whenClean();
  });
});
