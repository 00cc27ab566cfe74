import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hideSecrets } from '../../../src/domain/build/hide-secrets.ts';
import { jobFields } from '../../../src/domain/build/job-fields.ts';
import { contextOf } from '../job/context-fixture.ts';

const INFO = { name: 'build', stage: 'test', project_id: 42, pipeline_id: 99 };

describe('the fields of a log line about a job', () => {
  it('are its number, name, project, ref, runner and address without the token', () => {
    const variables = [{ key: 'CI_PROJECT_PATH', value: 'group/app' }];
    assert.deepEqual(jobFields(contextOf({ job: { variables } })), {
      job: 4711,
      job_name: 'build',
      project: 42,
      project_path: 'group/app',
      ref: 'main',
      runner: 'runner-key',
      runner_name: 'runner one',
      url: 'https://gitlab.example.com/group/app/-/jobs/4711',
    });
  });

  it('hides the values of masked variables in names', () => {
    const variables = [{ key: 'PASSWORD', value: 'hunter2-hunter2', masked: true }];
    const job = { variables, job_info: { ...INFO, name: 'rspec hunter2-hunter2' } };
    assert.equal(jobFields(contextOf({ job })).job_name, 'rspec [MASKED]');
  });

  it('are cut when they are longer than GitLab allows', () => {
    const job = { job_info: { ...INFO, name: 'n'.repeat(70_000) } };
    const { job_name: name } = jobFields(contextOf({ job }));
    assert.equal(name, `${'n'.repeat(254)}…`);
  });
});

describe('a text about a job', () => {
  const variables = [{ key: 'PLACE', value: 'wordofmystery', masked: true }];
  const context = contextOf({ job: { variables } });
  const cases: [text: string, expected: string, why: string][] = [
    ['cannot pull image "wordofmystery/app:1"', 'cannot pull image "[MASKED]/app:1"', 'a value'],
    ['ends in wordofmystery', 'ends in [MASKED]', 'nothing is held back'],
    ['exit code 3', 'exit code 3', 'nothing to hide'],
    ['prüfe glpat-abcdefghij!', 'prüfe glpat-[MASKED]!', 'a token of GitLab'],
  ];
  for (const [text, expected, why] of cases) {
    it(`hides what the trace would hide: ${why}`, () => {
      assert.equal(hideSecrets(text, context), expected);
    });
  }
});
