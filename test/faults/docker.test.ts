import { after, before, describe } from 'node:test';
import { onBuildContainer } from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab } from '../support/faults/faults.ts';
import {
  CONTAINER_KILLED,
  CONTAINER_PAUSED,
  CONTAINER_REMOVED,
  outOfMemory,
} from '../support/faults/trials.ts';

describe('the container of a build', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab({ dockerToml: '    memory = "64m"' });
  });
  after(() => lab.close());

  it('is killed in mid-script: a failure of the system, and the trace says so', () =>
    lab.run(CONTAINER_KILLED));

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
    lab.run(CONTAINER_REMOVED));

  it('is paused for a while: nothing comes of it', () => lab.run(CONTAINER_PAUSED));

  it('is out of memory: a failure of the script, and the trace tells the limit', async () =>
    lab.run(await outOfMemory()));
});
