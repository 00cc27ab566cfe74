import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planStages } from '../../../src/domain/build/plan.ts';
import { NODE_PROTOCOL, type JobSummary } from '../../../src/domain/context/stage.ts';
import { summarizeJob } from '../../../src/domain/build/summary.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import { contextOf, type ContextChanges } from '../job/context-fixture.ts';

function summaryOf(changes: ContextChanges = {}): JobSummary {
  const context = contextOf(changes);
  const variables = buildVariables(context, { jobStatus: 'running' });
  return summarizeJob(context, planStages(context, variables));
}

const PATH = { key: 'CI_PROJECT_PATH', value: 'group/app' };
const INFO = { name: 'build', stage: 'test', project_id: 42, pipeline_id: 99 };

describe('the summary of a job', () => {
  it('identifies the job', () => {
    const { plan, ...summary } = summaryOf({ job: { variables: [PATH] } });
    assert.ok(plan.steps.length > 0);
    assert.deepEqual(summary, {
      buildId: 'build/gitlab.example.com/4711',
      jobId: 4711,
      jobName: 'build',
      jobStage: 'test',
      projectId: 42,
      projectPath: 'group/app',
      pipelineId: 99,
      ref: 'main',
      jobUrl: 'https://gitlab.example.com/group/app/-/jobs/4711',
      runnerKey: 'runner-key',
      runnerName: 'runner one',
      offer: '0123456789abcdef',
      protocol: NODE_PROTOCOL,
      visible: {
        ...{ project: 'group/app', jobName: 'build', ref: 'main' },
        link: '[job #4711 in GitLab](https://gitlab.example.com/group/app/-/jobs/4711)',
      },
      rejection: undefined,
    });
  });

  const paths: [why: string, job: Record<string, unknown>, expected: string][] = [
    [
      'GitLab says it',
      { job_info: { ...INFO, project_full_path: 'new/way' }, variables: [PATH] },
      'new/way',
    ],
    ['an older GitLab has only the variable', { variables: [PATH] }, 'group/app'],
    ['nothing else is there', { job_info: { ...INFO, project_name: 'app' } }, 'app'],
  ];
  for (const [why, job, expected] of paths) {
    it(`names the project ${expected}: ${why}`, () => {
      assert.equal(summaryOf({ job }).projectPath, expected);
    });
  }

  it('contains neither token nor variable', () => {
    const variables = [PATH, { key: 'PASSWORD', value: 'hunter2', masked: true }];
    const text = JSON.stringify(summaryOf({ job: { variables } }));
    assert.doesNotMatch(text, /hunter2|glcbt-job-token|AbCdEfGhIjKl/);
  });

  it('stays short enough for Temporal, in whole characters', () => {
    const name = '𝓃'.repeat(500);
    const { jobName } = summaryOf({ job: { job_info: { ...INFO, name } } });
    assert.equal(jobName, `${'𝓃'.repeat(59)}…`);
  });
});

it('contains hashes of whole names when builds are found by secret names', () => {
  const path = `group/${'long'.repeat(30)}`;
  const context = contextOf({ job: { variables: [{ key: 'CI_PROJECT_PATH', value: path }] } });
  const plan = planStages(context, buildVariables(context, { jobStatus: 'running' }));
  const hashName = (name: string): string => `<${name}>`;
  const view = { showsNames: false, hashName, hasAttributes: true, node: 'node-1' };
  assert.deepEqual(summarizeJob(context, plan, view).visible, {
    attributes: {
      ...{ GitLabHost: 'gitlab.example.com', JobId: 4711, PipelineId: 99 },
      ...{ Node: 'node-1', Result: 'running', Stage: 'prepare_executor' },
      ...{ Project: `<${path}>`, JobName: '<build>', Ref: '<main>', Runner: '<runner one>' },
    },
  });
});

it('keeps names out of the clear texts when the node hides them', () => {
  const variables = [{ key: 'CI_PROJECT_PATH', value: 'group/app' }];
  const context = contextOf({ job: { variables } });
  const plan = planStages(context, buildVariables(context, { jobStatus: 'running' }));
  const view = { showsNames: false, hasAttributes: true, node: 'node-1' };
  assert.deepEqual(summarizeJob(context, plan, view).visible, {
    attributes: {
      ...{ GitLabHost: 'gitlab.example.com', JobId: 4711, PipelineId: 99 },
      ...{ Node: 'node-1', Result: 'running', Stage: 'prepare_executor' },
    },
  });
});
