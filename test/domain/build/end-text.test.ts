import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeEnd } from '../../../src/domain/build/end-text.ts';
import type { ExceededLimit } from '../../../src/domain/context/outcome.ts';

type Outcome = Parameters<typeof describeEnd>[0];

const failed = (
  reason: 'script_failure' | 'job_execution_timeout',
  exitCode?: number,
): Outcome => ({
  ...{ state: 'failed', reason, exitCode, message: 'of the job: canary' },
});

const timedOut = (limit: ExceededLimit['limit'], timeoutMs: number): Outcome => ({
  ...{ state: 'failed', reason: 'job_execution_timeout', exitCode: undefined, message: 'canary' },
  exceeded: { limit, timeoutMs },
});

const cases: [outcome: Outcome, stage: string | undefined, text: string][] = [
  [failed('script_failure', 3), 'step_script', 'script_failure, exit code 3 in step_script'],
  [failed('job_execution_timeout'), 'get_sources', 'timed out in get_sources'],
  [
    timedOut('job', 3_600_000),
    'step_script',
    "timed out after 1h0m0s (the job's time-out) in step_script",
  ],
  [
    timedOut('script', 90_000),
    'step_script',
    'timed out after 1m30s (RUNNER_SCRIPT_TIMEOUT) in step_script',
  ],
  [
    timedOut('after_script', 300_000),
    'after_script',
    'timed out after 5m0s (RUNNER_AFTER_SCRIPT_TIMEOUT) in after_script',
  ],
  [
    timedOut('prepare', 4_000),
    'prepare_executor',
    'timed out after 4s (prepare_timeout) in prepare_executor',
  ],
  [
    timedOut('get_sources', 4_000),
    'get_sources',
    'timed out after 4s (get_sources_timeout) in get_sources',
  ],
  [timedOut('job', 2_000), undefined, "timed out after 2s (the job's time-out)"],
  [failed('script_failure', 1), 'step_$(canary)\n', 'script_failure, exit code 1'],
  [{ state: 'canceled' }, 'step_script', 'canceled in step_script'],
  [{ state: 'aborted' }, undefined, 'ended by GitLab'],
];
for (const [outcome, stage, text] of cases) {
  it(`an end is described as "${text}", without anything of the job`, () => {
    assert.equal(describeEnd(outcome, stage).text, text);
  });
}
