import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  afterScriptStatus,
  outcomeOfAfterScript,
  outcomeOfOwnTimeout,
  outcomeOfStages,
} from '../../../src/domain/build/build-outcome.ts';
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
  exceeded: { limit: 'job', timeoutMs: 90_000 },
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
      {
        ...{ ...TIMED_OUT, message: 'script timeout: context deadline exceeded' },
        exceeded: { limit: 'script', timeoutMs: 90_000 },
      },
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

describe('the outcome of an after_script whose result counts', () => {
  it('is a time-out that names its own limit', () => {
    assert.deepEqual(outcomeOfAfterScript(STOPPED, 300_000), {
      ...{ ...TIMED_OUT, message: 'script timeout: context deadline exceeded' },
      exceeded: { limit: 'after_script', timeoutMs: 300_000 },
    });
  });
  it('is its failure otherwise', () => {
    const failed: StageOutcome = { kind: 'script_failed', exitCode: 3 };
    assert.deepEqual(outcomeOfAfterScript(failed, 300_000), outcomeOfStages(failed, undefined));
  });
});

it('a time-out of the configuration names its limit', () => {
  const outcomes = [
    outcomeOfOwnTimeout('prepare', 4_000),
    outcomeOfOwnTimeout('get sources', 5_000),
  ];
  assert.deepEqual(
    outcomes.map((outcome) => outcome.state === 'failed' && outcome.exceeded),
    [
      { limit: 'prepare', timeoutMs: 4_000 },
      { limit: 'get_sources', timeoutMs: 5_000 },
    ],
  );
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
