import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { BuildOutcome, StageOutcome } from '../../../src/domain/context/outcome.ts';
import { parseBuildOutcome, parseStageOutcome } from '../../../src/domain/context/parse-outcome.ts';

const onDisk = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('the outcome of a stage on the disk', () => {
  const outcomes: readonly StageOutcome[] = [
    { kind: 'succeeded' },
    { kind: 'stopped' },
    { kind: 'script_failed', exitCode: 3 },
    { kind: 'system_failed', type: 'ImagePull', message: 'why' },
  ];
  for (const outcome of outcomes) {
    it(`is read as it was written: ${outcome.kind}`, () => {
      assert.deepEqual(parseStageOutcome(onDisk(outcome)), outcome);
    });
  }
  const damaged: readonly [value: unknown, why: string][] = [
    [null, 'nothing'],
    ['succeeded', 'no object'],
    [{ kind: 'exploded' }, 'an unknown kind'],
    [{ kind: 'script_failed' }, 'no exit code'],
    [{ kind: 'system_failed', type: 'Weather', message: 'why' }, 'an unknown type'],
  ];
  for (const [value, why] of damaged) {
    it(`is not accepted: ${why}`, () => {
      assert.equal(parseStageOutcome(value), undefined);
    });
  }
});

describe('the outcome of a build on the disk', () => {
  const outcomes: readonly BuildOutcome[] = [
    { state: 'success' },
    { state: 'canceled' },
    { state: 'aborted' },
    { state: 'aborted', wasTakenBack: true },
    { state: 'failed', reason: 'script_failure', exitCode: 3, message: 'exit code 3' },
    { state: 'failed', reason: 'runner_system_failure', exitCode: undefined, message: 'why' },
    {
      ...{ state: 'failed', reason: 'job_execution_timeout', exitCode: undefined, message: 'why' },
      exceeded: { limit: 'script', timeoutMs: 2_000 },
    },
  ];
  for (const outcome of outcomes) {
    it(`is read as it was written: ${JSON.stringify(outcome)}`, () => {
      assert.deepEqual(parseBuildOutcome(onDisk(outcome)), outcome);
    });
  }
  it('is read without a limit that nobody knows', () => {
    const failed = { state: 'failed', reason: 'job_execution_timeout', message: 'why' };
    for (const exceeded of ['job', { limit: 'moon', timeoutMs: 1 }, { limit: 'job' }]) {
      const outcome = parseBuildOutcome({ ...failed, exceeded });
      assert.deepEqual(outcome, { ...failed, exitCode: undefined });
    }
  });
  it('is not accepted with an unknown reason', () => {
    const value = { state: 'failed', reason: 'bad_luck', message: 'why' };
    assert.equal(parseBuildOutcome(value), undefined);
  });
});
