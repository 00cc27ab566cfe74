import { after, before, describe } from 'node:test';
import { killWorker } from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import { MOMENTS, openFaultLab, type FaultLab } from '../support/faults/faults.ts';

// These tests mostly wait. They have their own file so that they can run beside the others.

describe('a worker that is killed and away for a while', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const awayMs of [5_000, 60_000]) {
    for (const moment of MOMENTS) {
      it(`is started ${awayMs / 1000} s after the moment "${moment}"`, () =>
        lab.run({ moment, fault: killWorker(awayMs), goesOn: true }));
    }
  }
});
