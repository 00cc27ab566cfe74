import { after, before, describe, it } from 'node:test';
import { onBuildContainer } from '../support/fault-kinds.ts';
import { openFaultLab, type FaultLab } from '../support/faults.ts';

describe('the container of a build', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab({ dockerToml: '    memory = "64m"' });
  });
  after(() => lab.close());

  it('is killed in mid-script: a failure of the system, and the trace says so', () =>
    lab.run({
      moment: 'script',
      fault: onBuildContainer('killed', (container) => container.kill()),
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['line 5', 'the container was killed from outside of the job (exit code 137)'],
      },
    }));

  it('is stopped in mid-script: a failure of the system, and the trace says so', () =>
    lab.run({
      moment: 'script',
      fault: onBuildContainer('stopped', (container) => container.stop({ t: 1 })),
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['line 5', 'the container was killed from outside of the job'],
      },
    }));

  it('is removed in mid-script: a failure of the system, and after_script gets another one', () =>
    lab.run({
      moment: 'script',
      fault: onBuildContainer('removed', (container) => container.remove({ force: true })),
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['line 5', /container \S+ is gone/],
      },
    }));

  it('is paused for a while: nothing comes of it', () =>
    lab.run({
      moment: 'script',
      fault: onBuildContainer('paused', async (container) => {
        await container.pause();
        await container.unpause();
      }),
    }));

  it('is out of memory: a failure of the script, and the trace tells the limit', () =>
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
