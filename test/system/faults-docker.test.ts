import { after, before, describe, it } from 'node:test';
import { onBuildContainer } from '../support/fault-kinds.ts';
import { openFaultLab, type FaultLab } from '../support/faults.ts';

// The short form of test/faults/docker.

describe('a job whose container is meddled with', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab({ dockerToml: '    memory = "64m"' });
  });
  after(() => lab.close());

  it('fails by the system when its container is killed from outside', () =>
    lab.run({
      moment: 'script',
      fault: onBuildContainer('killed', (container) => container.kill()),
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['line 5', 'the container was killed from outside of the job (exit code 137)'],
      },
    }));

  it('fails by the system when its container is removed', () =>
    lab.run({
      moment: 'script',
      fault: onBuildContainer('removed', (container) => container.remove({ force: true })),
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['line 5', /container \S+ is gone/],
      },
    }));

  it('comes to its end when its container is paused for a while', () =>
    lab.run({
      moment: 'script',
      fault: onBuildContainer('paused', async (container) => {
        await container.pause();
        await container.unpause();
      }),
    }));

  it('fails by its script when it has no memory left, and is told the limit', () =>
    lab.run({
      moment: 'acknowledged',
      fault: { name: 'out of memory', strike: () => undefined },
      script: ['echo run >> "/witness/$CI_JOB_ID.script"', 'head -c 200m /dev/zero | tail'],
      expected: {
        ...{ state: 'failed', failureReason: 'script_failure', exitCode: 137 },
        log: ['OOM killed', 'its limit is 64 MiB'],
      },
    }));
});
