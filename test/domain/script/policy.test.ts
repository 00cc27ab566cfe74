import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseJobPayload } from '../../../src/domain/job/parse-payload.ts';
import { formatPolicy } from '../../../src/domain/script/policy.ts';
import { payloadJson } from '../job/context-fixture.ts';

const cases: readonly (readonly [options: object | null, lines: readonly RegExp[], why: string])[] =
  [
    [null, [], 'no policy'],
    [{}, [], 'an empty one, as of every ordinary job'],
    [{ execution_policy_job: false, policy_name: 'P' }, [], 'not the job of a policy'],
    [
      { execution_policy_job: true, policy_name: 'P' },
      [/Job triggered by policy "P"\./, /Variables defined in the policy take precedence/],
      'nothing is said about variables',
    ],
    [
      { execution_policy_job: true, policy_variables_override_allowed: true },
      [/policy ""/, /are allowed in this job according to the policy/],
      'they are allowed',
    ],
    [
      {
        execution_policy_job: true,
        policy_variables_override_allowed: false,
        policy_variables_override_exceptions: ['A', 'B'],
      },
      [/policy ""/, /are ignored in this job \(except for A, B\) according to the policy/],
      'but for some',
    ],
  ];

describe('the lines about an execution policy', () => {
  for (const [options, lines, why] of cases) {
    it(`are ${lines.length}: ${why}`, () => {
      const { policy_options } = parseJobPayload(payloadJson({ policy_options: options }));
      const found = formatPolicy(policy_options).split('\n').filter(Boolean);
      assert.equal(found.length, lines.length);
      for (const [index, line] of lines.entries()) assert.match(found[index] ?? '', line);
    });
  }
});
