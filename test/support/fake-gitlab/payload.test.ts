import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { openGitLab } from './test-client.ts';
import type { FakeGitLab, FakeJob, JobSpec } from './types.ts';
import type { WireVariable } from './variables.ts';

interface Payload {
  readonly variables: readonly WireVariable[];
  readonly git_info: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

async function handOut(
  context: TestContext,
  spec: JobSpec,
): Promise<{ readonly gitlab: FakeGitLab; readonly job: FakeJob; readonly payload: Payload }> {
  const { gitlab, client } = await openGitLab(context);
  const job = gitlab.addJob(spec);
  const payload = (await (await client.requestJob()).json()) as Payload;
  return { gitlab, job, payload };
}

it('has exactly the parts of a payload of GitLab', async (t) => {
  const { payload } = await handOut(t, {});
  assert.deepEqual(Object.keys(payload), [
    ...['id', 'token', 'allow_git_fetch', 'job_info', 'git_info', 'runner_info', 'inputs'],
    ...['variables', 'steps', 'hooks', 'image', 'services', 'artifacts', 'cache', 'dependencies'],
    ...['policy_options', 'credentials', 'features'],
  ]);
});

it('merges before_script into script, and lets after_script always run', async (t) => {
  const { payload } = await handOut(t, { script: ['a', 'b'], afterScript: ['c'], timeout: 60 });
  assert.deepEqual(payload['steps'], [
    { name: 'script', script: ['a', 'b'], timeout: 60, when: 'on_success', allow_failure: false },
    { name: 'after_script', script: ['c'], timeout: 60, when: 'always', allow_failure: true },
  ]);
});

it('puts the variables of the job last, with the flags that are set', async (t) => {
  const { payload } = await handOut(t, {
    variables: [
      { key: 'PLAIN', value: '1' },
      { key: 'SECRET', value: 'hunter2', masked: true },
      { key: 'FILE', value: 'content', file: true, raw: true, public: false },
    ],
  });
  assert.deepEqual(payload.variables.slice(-3), [
    { key: 'PLAIN', value: '1', public: true, masked: false },
    { key: 'SECRET', value: 'hunter2', public: false, masked: true },
    { key: 'FILE', value: 'content', public: false, masked: false, file: true, raw: true },
  ]);
});

it('sets the variables that GitLab predefines, the token as a masked one', async (t) => {
  const { gitlab, job, payload } = await handOut(t, { name: 'Build It', ref: 'main' });
  const { repository } = gitlab;
  const valueOf = (key: string) => payload.variables.find((each) => each.key === key)?.value;
  assert.equal(valueOf('CI_JOB_NAME_SLUG'), 'build-it');
  assert.equal(valueOf('CI_COMMIT_SHA'), repository.headSha);
  assert.equal(valueOf('CI_PROJECT_PATH'), repository.projectPath);
  assert.equal(valueOf('CI_SERVER_URL'), gitlab.url);
  assert.equal(valueOf('CI_API_V4_URL'), `${gitlab.url}/api/v4`);
  const token = payload.variables.find(({ key }) => key === 'CI_JOB_TOKEN');
  assert.deepEqual(token, { key: 'CI_JOB_TOKEN', value: job.token, public: false, masked: true });
});

const refspecs: readonly (readonly [depth: string | undefined, expected: readonly string[]])[] = [
  [undefined, ['+refs/heads/main:refs/remotes/origin/main']],
  ['3', ['+refs/heads/main:refs/remotes/origin/main']],
  ['0', ['+refs/heads/*:refs/remotes/origin/*', '+refs/tags/*:refs/tags/*']],
];
for (const [depth, expected] of refspecs) {
  it(`fetches ${expected.join(' and ')} with GIT_DEPTH ${depth}`, async (t) => {
    const variables = depth === undefined ? [] : [{ key: 'GIT_DEPTH', value: depth }];
    const { job, payload } = await handOut(t, { variables });
    const pipeline = `+refs/pipelines/${job.id}:refs/pipelines/${job.id}`;
    assert.deepEqual(payload.git_info['refspecs'], [pipeline, ...expected]);
    assert.equal(payload.git_info['depth'], Number(depth ?? 20));
  });
}

it('merges a test’s values into objects, and replaces other values by them', async (t) => {
  const { gitlab, payload } = await handOut(t, {
    payload: { git_info: { sha: 'f'.repeat(40) }, services: [{ name: 'db' }], steps: undefined },
  });
  assert.equal(payload.git_info['sha'], 'f'.repeat(40));
  assert.match(String(payload.git_info['repo_url']), new RegExp(gitlab.repository.projectPath));
  assert.deepEqual(payload['services'], [{ name: 'db' }]);
  assert.equal('steps' in payload, false);
});
