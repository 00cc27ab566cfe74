import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { afterScriptStatus, outcomeOfStages } from '../../../src/domain/build/build-outcome.ts';
import type {
  BuildOutcome,
  Interruption,
  StageOutcome,
} from '../../../src/domain/context/outcome.ts';
import type { JobStatus } from '../../../src/domain/job/job-status.ts';

const STOPPED: StageOutcome = { kind: 'stopped' };
const TIMED_OUT = {
  state: 'failed',
  reason: 'job_execution_timeout',
  exitCode: undefined,
  message: 'execution took longer than 1m30s seconds',
} as const;

describe('the outcome of a build', () => {
  const cases: [
    last: StageOutcome,
    interruption: Interruption | undefined,
    expected: BuildOutcome,
    why: string,
  ][] = [
    [{ kind: 'succeeded' }, undefined, { state: 'success' }, 'all went well'],
    [
      { kind: 'succeeded' },
      { kind: 'canceling' },
      { state: 'success' },
      'the cancel came too late: what the script did stands',
    ],
    [
      { kind: 'succeeded' },
      { kind: 'aborted' },
      { state: 'aborted' },
      'GitLab wants nothing more, whatever was done',
    ],
    [
      { kind: 'script_failed', exitCode: 3 },
      undefined,
      { state: 'failed', reason: 'script_failure', exitCode: 3, message: 'exit code 3' },
      'exit codes pass through',
    ],
    [
      { kind: 'system_failed', type: 'ImagePull', message: 'no such image' },
      undefined,
      {
        state: 'failed',
        reason: 'image_pull_failure',
        exitCode: undefined,
        message: 'no such image',
      },
      'the kind of the fault decides the reason',
    ],
    [STOPPED, { kind: 'canceling' }, { state: 'canceled' }, 'a user pressed cancel'],
    [STOPPED, { kind: 'job_timeout', timeoutMs: 90_000 }, TIMED_OUT, 'the job took too long'],
    [
      STOPPED,
      { kind: 'script_timeout', timeoutMs: 90_000 },
      { ...TIMED_OUT, message: 'script timeout: context deadline exceeded' },
      'the script did',
    ],
    [STOPPED, { kind: 'aborted' }, { state: 'aborted' }, 'GitLab has ended it'],
    [
      STOPPED,
      undefined,
      {
        state: 'failed',
        reason: 'script_failure',
        exitCode: undefined,
        message: 'the stage was stopped',
      },
      'nobody knows why: never a success',
    ],
  ];
  for (const [last, interruption, expected, why] of cases) {
    it(`after ${last.kind} and ${interruption?.kind ?? 'no interruption'}: ${why}`, () => {
      assert.deepEqual(outcomeOfStages(last, interruption), expected);
    });
  }
});

describe('CI_JOB_STATUS of an after_script', () => {
  const failed = { ...TIMED_OUT, reason: 'script_failure' } as const;
  const cases: [BuildOutcome, Interruption | undefined, JobStatus][] = [
    [{ state: 'success' }, undefined, 'success'],
    [{ state: 'canceled' }, { kind: 'canceling' }, 'canceled'],
    [failed, undefined, 'failed'],
    [TIMED_OUT, { kind: 'script_timeout', timeoutMs: 90_000 }, 'timedout'],
  ];
  for (const [outcome, interruption, expected] of cases) {
    it(`is ${expected} after ${outcome.state} and ${interruption?.kind ?? 'nothing else'}`, () => {
      assert.equal(afterScriptStatus(outcome, interruption), expected);
    });
  }
});
