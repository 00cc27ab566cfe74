import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterScriptWarning } from '../../../src/domain/build/after-script-warning.ts';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import { FailureType } from '../../../src/domain/failure.ts';

const WORDS = 'after_script failed, but job will continue unaffected:';
const type = FailureType.RunnerSystem;
const cases: readonly (readonly [outcome: StageOutcome, said: string | undefined, why: string])[] =
  [
    [{ kind: 'succeeded' }, undefined, 'nothing is amiss'],
    [{ kind: 'stopped' }, undefined, 'the line of the stop has said why'],
    [{ kind: 'script_failed', exitCode: 9 }, `${WORDS} exit code 9`, 'as gitlab-runner says it'],
    [
      { kind: 'system_failed', type, message: 'network x not found' },
      `${WORDS} network x not found`,
      'else nobody would know why its output is missing',
    ],
  ];
for (const [outcome, said, why] of cases) {
  void test(`a warning about an after_script that ${outcome.kind} is ${said ?? 'not printed'}: ${why}`, () => {
    assert.equal(afterScriptWarning(outcome), said);
  });
}
