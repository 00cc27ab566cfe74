import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failureReasonOf, wireFailureReason } from '../../../src/domain/build/failure-reason.ts';
import type { FailureReason } from '../../../src/domain/context/outcome.ts';
import { FailureType } from '../../../src/domain/failure.ts';

const reasons: Record<FailureType, FailureReason> = {
  RunnerConfiguration: 'runner_configuration_error',
  ImagePull: 'image_pull_failure',
  ExternalDependency: 'runner_external_dependency_failure',
  InvalidConfig: 'runner_configuration_error',
  InvalidPayload: 'runner_system_failure',
  InvalidArchive: 'script_failure',
  RecordLost: 'runner_system_failure',
  RunnerSystem: 'runner_system_failure',
};

describe('failureReasonOf', () => {
  for (const type of Object.values(FailureType)) {
    it(`reports ${type} as ${reasons[type]}`, () => {
      assert.equal(failureReasonOf(type), reasons[type]);
    });
  }
});

const everything: FailureReason[] = [
  'script_failure',
  'runner_system_failure',
  'job_execution_timeout',
  'image_pull_failure',
  'runner_configuration_error',
  'runner_external_dependency_failure',
  'runner_interrupted',
  'job_canceled',
  'unknown_failure',
];

const cases: [reason: FailureReason, supported: string[], expected: FailureReason, why: string][] =
  [
    ['script_failure', [], 'script_failure', 'every GitLab knows it'],
    ['runner_system_failure', [], 'runner_system_failure', 'every GitLab knows it'],
    ['job_execution_timeout', [], 'job_execution_timeout', 'every GitLab knows it'],
    ['image_pull_failure', [], 'runner_system_failure', 'what it was before'],
    ['runner_configuration_error', [], 'script_failure', 'what it was before'],
    ['runner_external_dependency_failure', [], 'runner_system_failure', 'what it was before'],
    ['runner_interrupted', [], 'unknown_failure', 'it was nothing before'],
    ['job_canceled', [], 'unknown_failure', 'it was nothing before'],
    ['job_canceled', ['job_canceled'], 'job_canceled', 'it is known'],
    ['unknown_failure', [], 'unknown_failure', 'sent to all'],
    [
      'image_pull_failure',
      ['runner_configuration_error'],
      'runner_system_failure',
      'others do not count',
    ],
  ];

describe('wireFailureReason', () => {
  for (const [reason, supported, expected, why] of cases) {
    it(`sends ${expected} for ${reason} to a GitLab that lists [${supported.join(', ')}]: ${why}`, () => {
      assert.equal(wireFailureReason(reason, supported), expected);
    });
  }
  for (const reason of everything) {
    it(`sends ${reason} as it is to a GitLab that lists it`, () => {
      assert.equal(wireFailureReason(reason, ['x', reason]), reason);
    });
  }
});
