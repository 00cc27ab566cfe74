import { after, before, describe } from 'node:test';
import { freezeTemporal, killTemporal } from '../support/faults/fault-kinds.ts';
import { it } from '../support/faults/fault-report.ts';
import { MOMENTS, openFaultLab, type FaultLab, type Moment } from '../support/faults/faults.ts';

const FROZEN_MS = 10_000;
const FROZEN_AT: readonly Moment[] = ['handed out', 'prepare', 'script', 'final update'];
const EMPTIED_AT: readonly Moment[] = ['handed out', 'prepare', 'script', 'final update'];

describe('the Temporal server', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const moment of MOMENTS) {
    it(`is killed at the moment "${moment}"`, () => lab.run({ moment, fault: killTemporal() }));
  }
  for (const moment of EMPTIED_AT) {
    it(`is killed at the moment "${moment}", and its database is lost`, () =>
      lab.run({ moment, fault: killTemporal({ isEmptied: true }) }));
  }
  for (const moment of FROZEN_AT) {
    it(`hangs for ten seconds from the moment "${moment}" on`, () =>
      lab.run({ moment, fault: freezeTemporal(FROZEN_MS), goesOn: true }));
  }
});
