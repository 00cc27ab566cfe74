import { after, before, describe } from 'node:test';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab } from '../support/faults/faults.ts';
import { runOutOfMemory, SMALL_HEAP } from '../support/faults/memory-faults.ts';

describe('a process that runs out of memory', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab({ env: SMALL_HEAP });
  });
  after(() => lab.close());

  for (const moment of ['prepare', 'script', 'artifact upload'] as const) {
    it(`at the moment "${moment}" is started again, and its job continues`, () =>
      lab.run({ moment, fault: runOutOfMemory() }));
  }
});
