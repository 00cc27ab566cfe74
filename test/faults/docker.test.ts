import { after, before, describe } from 'node:test';
import { onBuildContainer } from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab } from '../support/faults/faults.ts';
import {
  CONTAINER_KILLED,
  CONTAINER_PAUSED,
  CONTAINER_REMOVED,
  OUT_OF_MEMORY,
} from '../support/faults/trials.ts';

describe('the container of a build', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab({ dockerToml: '    memory = "64m"' });
  });
  after(() => lab.close());

  it('is killed during the script: the job is a system failure, and the trace says so', () =>
    lab.run(CONTAINER_KILLED));

  it('is stopped during the script: the job is a system failure, and the trace says so', () =>
    lab.run({
      moment: 'script',
      fault: onBuildContainer('stopped', (container) => container.stop({ t: 1 })),
      expected: {
        ...{ state: 'failed', failureReason: 'runner_system_failure' },
        log: ['line 5', 'the container was killed from outside of the job'],
      },
    }));

  it('is removed during the script: the job is a system failure, and after_script gets another one', () =>
    lab.run(CONTAINER_REMOVED));

  it('is paused for a while: the job ends as usual', () => lab.run(CONTAINER_PAUSED));

  it('is out of memory: the script fails, and the trace names the limit', () =>
    lab.run(OUT_OF_MEMORY));
});
