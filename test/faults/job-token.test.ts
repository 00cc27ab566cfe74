import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { it } from '../support/faults/fault-report.ts';
import {
  openFaultLab,
  type Fault,
  type FaultLab,
  type Moment,
  type Runs,
} from '../support/faults/faults.ts';

/** The moments, each with the runs of script and after_script until the fault is noticed. */
const TRIALS: readonly (readonly [moment: Moment, runs: Runs])[] = [
  ['script', { script: 1, afterScript: 0 }],
  ['artifact upload', { script: 1, afterScript: 1 }],
  ['final update', { script: 1, afterScript: 1 }],
];

describe('the token of a job', () => {
  let lab: FaultLab;
  before(async () => {
    lab = await openFaultLab();
  });
  after(() => lab.close());

  for (const [moment, runs] of TRIALS) {
    it(`ends at the moment "${moment}": so does the job, the log says why, and nothing is left`, () =>
      lab.run({
        ...{ moment, runs, fault: endToken(), isUnreported: true, isHeld: moment === 'script' },
        expected: { state: 'running' },
      }));
  }
});

/** Returns a fault: GitLab gives the same answer to every call about the job from then on. */
function endToken(): Fault {
  let fromLine = 0;
  let jobId = 0;
  return {
    name: 'token of the job ends',
    strike: ({ installation: { gitlab, runner }, job }) => {
      fromLine = runner.lines.length;
      jobId = job.id;
      const refusal = { status: 403, body: '{"message":"403 Forbidden"}' };
      gitlab.intercept(({ kind, jobId: asked }) =>
        kind !== 'git' && asked === job.id ? refusal : undefined,
      );
    },
    confirm: ({ installation: { runner } }) => {
      const lines = runner.lines.slice(fromLine).filter((line) => line.includes(`"job":${jobId}`));
      assert.match(
        lines.join('\n'),
        /"status":403.*or its token has|or its token has.*"status":403/,
      );
      assert.ok(!lines.some((line) => line.includes('"msg":"job succeeded"')), 'it counts as done');
    },
  };
}
