import { after, before, describe } from 'node:test';
import {
  fillDisk,
  makeReadOnly,
  mountSmallDisk,
  useUpInodes,
} from '../support/faults/disk-faults.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab, type Moment, type Runs } from '../support/faults/faults.ts';

const skip = process.getuid?.() === 0 ? false : 'mounting a small disk needs root';
// Docker tells the end of a script's container after its outcome was noted.
const WAITING: readonly Moment[] = ['prepare', 'after the script', 'artifact upload'];
/** The moments, each with the runs of script and after_script until then. */
const FAILING: readonly (readonly [moment: Moment, runs: Runs])[] = [
  ['get_sources', { script: 0, afterScript: 0 }],
  ['script', { script: 1, afterScript: 0 }],
];
const NO_SPACE = /ERROR: Job failed \(system failure\): cannot write \S+\/builds\/.*no space left/;

describe('the disk of the builds', { skip }, () => {
  let lab: FaultLab;
  let disk: { unmount(): void } | undefined;
  before(async () => {
    lab = await openFaultLab();
    disk = mountSmallDisk(lab.installation);
  });
  after(async () => {
    disk?.unmount();
    await lab.close();
  });

  for (const fault of [fillDisk, useUpInodes]) {
    for (const moment of WAITING) {
      it(`is full for a while at the moment "${moment}": the job waits (${fault.name})`, () =>
        lab.run({ moment, fault: fault(), goesOn: true }));
    }
    for (const [moment, runs] of FAILING) {
      it(`is full for a while at the moment "${moment}": the job fails with that reason (${fault.name})`, () =>
        lab.run({
          ...{ moment, runs, goesOn: true, fault: fault('until a stage has ended') },
          expected: { state: 'failed', failureReason: 'runner_system_failure', log: [NO_SPACE] },
        }));
    }
  }

  for (const moment of [...WAITING, ...FAILING.map(([failing]) => failing)]) {
    it(`is read-only for a while at the moment "${moment}": the job continues`, () =>
      lab.run({ moment, fault: makeReadOnly(), goesOn: true }));
  }
});
