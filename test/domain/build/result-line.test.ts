import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildOutcome } from '../../../src/domain/context/outcome.ts';
import {
  describeResult,
  formatResultLine,
  formatJobTimeout,
} from '../../../src/domain/build/result-line.ts';

const RED = '\x1b[31;1m';
const GREEN = '\x1b[32;1m';
const RESET = '\x1b[0;m\n';

const failed = (
  reason: 'script_failure' | 'runner_system_failure',
  message: string,
): BuildOutcome => ({
  state: 'failed',
  reason,
  exitCode: undefined,
  message,
});

const cases: [outcome: BuildOutcome, expected: string | undefined, why: string][] = [
  [{ state: 'success' }, `${GREEN}Job succeeded${RESET}`, 'green'],
  [failed('script_failure', 'exit code 3'), `${RED}ERROR: Job failed: exit code 3${RESET}`, 'red'],
  [
    failed('runner_system_failure', 'no space left'),
    `${RED}ERROR: Job failed (system failure): no space left${RESET}`,
    'not the fault of the job',
  ],
  [
    {
      state: 'failed',
      reason: 'job_execution_timeout',
      exitCode: undefined,
      message: formatJobTimeout(3_600_000),
    },
    `${RED}ERROR: Job failed: execution took longer than 1h0m0s seconds${RESET}`,
    'gitlab-runner’s words',
  ],
  [{ state: 'canceled' }, `${RED}ERROR: Job failed: canceled${RESET}`, 'failed, to the runner'],
  [{ state: 'aborted' }, undefined, 'GitLab takes nothing more'],
];

describe('formatResultLine', () => {
  for (const [outcome, expected, why] of cases) {
    it(`writes ${JSON.stringify(expected)}: ${why}`, () => {
      assert.equal(formatResultLine(outcome), expected);
    });
  }
  it('can be written without colours', () => {
    assert.deepEqual(describeResult({ state: 'canceled' }), {
      level: 'error',
      text: 'Job failed: canceled',
    });
  });
});
