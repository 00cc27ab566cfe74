import { after, before, describe } from 'node:test';
import { deleteBuilds, deleteBuildsAndKill } from '../support/faults/builds-gone-faults.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab, type Moment, type Runs } from '../support/faults/faults.ts';
import type { Expectation } from '../support/scenario.ts';

const NOTHING: Runs = { script: 0, afterScript: 0 };
/** The moments, each with the number of runs of its scripts until then. */
const FAILING: readonly (readonly [moment: Moment, runs: Runs])[] = [
  ['acknowledged', NOTHING],
  ['prepare', NOTHING],
  ['get_sources', NOTHING],
  ['script', { script: 1, afterScript: 0 }],
  ['after the script', { script: 1, afterScript: 0 }],
];
const ENDED: readonly Moment[] = ['final update', 'final answer', 'clean-up'];

describe('the files that the node keeps of its builds', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const [moment, runs] of [['handed out', NOTHING] as const, ...FAILING]) {
    it(`are deleted at the moment "${moment}": the job is a system failure with a reason`, () =>
      lab.run({
        ...{ moment, runs, fault: deleteBuilds(), isHeld: true },
        expected: failedBy(/runner's files of the running build were removed from \S+\/builds\//),
      }));
  }

  it('are deleted while artifacts are uploaded: the job is a system failure', () =>
    lab.run({
      ...{ moment: 'artifact upload', fault: deleteBuilds() },
      expected: failedBy(/runner's files of the running build were removed/),
    }));

  for (const moment of ENDED) {
    it(`are deleted at the moment "${moment}": the result of the job counts`, () =>
      lab.run({ moment, fault: deleteBuilds() }));
  }

  for (const [moment, runs] of FAILING) {
    it(`are lost with the process at the moment "${moment}": GitLab is told nevertheless`, () =>
      lab.run({
        ...{ moment, runs, fault: deleteBuildsAndKill(), isHeld: true, changesNodes: true },
        expected: failedBy(/node \S+ has lost its record of the build/),
      }));
  }
});

function failedBy(reason: RegExp): Expectation {
  const line = new RegExp(`ERROR: Job failed \\(system failure\\): .*${reason.source}`);
  return { state: 'failed', failureReason: 'runner_system_failure', log: [line] };
}
