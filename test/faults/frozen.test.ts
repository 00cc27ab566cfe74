import { after, before, describe } from 'node:test';
import { freezeWorker } from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab } from '../support/faults/faults.ts';

/**
 * This is longer than a heartbeat time-out, so Temporal gives the calls to another worker, or again
 * to the same one.
 */
const FROZEN_MS = 40_000;

describe('the worker', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const moment of ['script', 'prepare', 'final update'] as const) {
    it(`hangs for 40 s from the moment "${moment}" on, while the script runs`, () =>
      lab.run({ moment, fault: freezeWorker(FROZEN_MS), goesOn: true }));
  }

  it('hangs for 40 s during the script, which continues afterwards', () =>
    lab.run({ moment: 'script', fault: freezeWorker(FROZEN_MS) }));
});
