import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planPullPolicies } from '../../../src/domain/executor/effective-pull-policy.ts';
import { FinalError } from '../../../src/domain/failure.ts';
import type { PullPolicy } from '../../../src/domain/runner/config.ts';

interface Case {
  readonly why: string;
  readonly asked?: readonly string[];
  readonly configured?: readonly PullPolicy[];
  readonly allowed?: readonly PullPolicy[];
}

function policiesOf({ asked = [], configured = [], allowed = [] }: Case): readonly PullPolicy[] {
  const docker = { pullPolicy: configured, allowedPullPolicies: allowed };
  return planPullPolicies({ image: 'alpine', asked, docker });
}

describe('the pull policies of an image', () => {
  const cases: (Case & { expected: readonly PullPolicy[] })[] = [
    { why: 'nobody says anything', expected: ['always'] },
    {
      why: 'the configuration, in its order',
      configured: ['if-not-present', 'always'],
      expected: ['if-not-present', 'always'],
    },
    {
      why: 'the job comes first, in its order',
      asked: ['never', 'always'],
      configured: ['always', 'never'],
      expected: ['never', 'always'],
    },
    {
      why: 'what is not allowed is left out',
      asked: ['never', 'if-not-present'],
      configured: ['always'],
      allowed: ['always', 'if-not-present'],
      expected: ['if-not-present'],
    },
    {
      why: 'the configuration too is held to what it allows',
      configured: ['never', 'always'],
      allowed: ['always'],
      expected: ['always'],
    },
  ];
  for (const { expected, ...one } of cases) {
    it(`${expected.join(', ')}: ${one.why}`, () => {
      assert.deepEqual(policiesOf(one), expected);
    });
  }

  const faults: (Case & { source: string })[] = [
    {
      why: 'the configured one is all that is allowed',
      asked: ['never'],
      source: 'GitLab pipeline config',
    },
    { why: 'there is no such policy', asked: ['sometimes'], source: 'GitLab pipeline config' },
    {
      why: 'the configuration contradicts itself',
      configured: ['never'],
      allowed: ['always'],
      source: 'Runner config',
    },
    {
      why: 'the default is not allowed',
      allowed: ['never'],
      source: 'Runner config (default)',
    },
  ];
  for (const { source, ...one } of faults) {
    it(`fails by ${source}: ${one.why}`, () => {
      assert.throws(
        () => policiesOf(one),
        (error) =>
          error instanceof FinalError &&
          error.type === 'RunnerConfiguration' &&
          error.message.includes(`defined in ${source} is not one of the allowed_pull_policies`),
      );
    });
  }
});
