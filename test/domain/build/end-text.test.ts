import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeEnd } from '../../../src/domain/build/end-text.ts';

type Outcome = Parameters<typeof describeEnd>[0];

const failed = (
  reason: 'script_failure' | 'job_execution_timeout',
  exitCode?: number,
): Outcome => ({
  ...{ state: 'failed', reason, exitCode, message: 'of the job: canary' },
});

const cases: [outcome: Outcome, stage: string | undefined, text: string][] = [
  [failed('script_failure', 3), 'step_script', 'script_failure, exit code 3 in step_script'],
  [failed('job_execution_timeout'), 'get_sources', 'timed out in get_sources'],
  [failed('script_failure', 1), 'step_$(canary)\n', 'script_failure, exit code 1'],
  [{ state: 'canceled' }, 'step_script', 'canceled in step_script'],
  [{ state: 'aborted' }, undefined, 'ended by GitLab'],
];
for (const [outcome, stage, text] of cases) {
  it(`an end is described as "${text}", without anything of the job`, () => {
    assert.equal(describeEnd(outcome, stage).text, text);
  });
}
