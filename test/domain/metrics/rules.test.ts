import assert from 'node:assert/strict';
import { it } from 'node:test';
import { apiEndpointOf, pathTemplateOf } from '../../../src/domain/metrics/api-endpoint.ts';
import { endStateOf, projectJobsRunning } from '../../../src/domain/metrics/job-state.ts';
import { percentile, summarizeWaits } from '../../../src/domain/metrics/percentile.ts';
import { judgeGitLab } from '../../../src/domain/metrics/readiness.ts';
import { parseListenAddress } from '../../../src/domain/runner/listen-address.ts';

const addresses: [text: string, expected: object | undefined, why: string][] = [
  ['localhost:9100', { host: 'localhost', port: 9100 }, 'host and port'],
  [':9100', { host: undefined, port: 9100 }, 'every address'],
  ['127.0.0.1', { host: '127.0.0.1', port: 9252 }, 'the usual port'],
  ['[::1]:80', { host: '::1', port: 80 }, 'IPv6'],
  ['[::]', { host: '::', port: 9252 }, 'IPv6 without a port'],
  ['http://localhost:9100', undefined, 'a scheme is none of it'],
  ['localhost:99999', undefined, 'there are no such ports'],
  ['a:b', undefined, 'a port is a number'],
  ['', undefined, 'nothing'],
];
for (const [text, expected, why] of addresses) {
  it(`listen_address "${text}": ${why}`, () =>
    assert.deepEqual(parseListenAddress(text, 9252), expected));
}

const calls: [method: string, path: string, endpoint: string | undefined, template: string][] = [
  ['POST', 'jobs/request', 'request_job', '/api/v4/jobs/request'],
  ['PUT', 'jobs/12', 'update_job', '/api/v4/jobs/{id}'],
  ['PATCH', 'jobs/12/trace?debug_trace=false', 'patch_trace', '/api/v4/jobs/{id}/trace'],
  ['POST', 'jobs/12/artifacts?token=x', undefined, '/api/v4/jobs/{id}/artifacts'],
];
for (const [method, path, endpoint, template] of calls) {
  it(`${method} ${path} is counted as ${endpoint ?? 'no endpoint'}, ${template}`, () => {
    assert.equal(apiEndpointOf(method, path), endpoint);
    assert.equal(pathTemplateOf(path), template);
  });
}

it('a percentile is one of the values, by the nearest rank', () => {
  const values = [5, 1, 4, 2, 3];
  assert.equal(percentile(values, 0.5), 3);
  assert.equal(percentile(values, 0.95), 5);
  assert.equal(percentile([7], 0.95), 7);
  assert.equal(percentile([], 0.5), undefined);
  const none = { count: 0, medianSeconds: undefined, p95Seconds: undefined };
  assert.deepEqual(summarizeWaits([]), none);
});

it('the end of a job has gitlab-runner’s names', () => {
  const failed = { state: 'failed', exitCode: undefined, message: '' } as const;
  assert.equal(endStateOf({ state: 'success' }), 'success');
  assert.equal(endStateOf({ ...failed, reason: 'script_failure' }), 'failed');
  assert.equal(endStateOf({ ...failed, reason: 'job_execution_timeout' }), 'timedout');
  assert.equal(endStateOf({ state: 'canceled' }), 'canceled');
  assert.equal(endStateOf({ state: 'aborted' }), 'terminated');
});

it('GitLab’s answers about running jobs make a limited number of labels', () => {
  assert.equal(projectJobsRunning('10+'), '10+');
  assert.equal(projectJobsRunning('12345'), '+Inf');
  assert.equal(projectJobsRunning(undefined), '+Inf');
});

it('GitLab is ready when it accepts one runner, and its answers are described', () => {
  const refused = { runnerName: 'a', status: 403, ageSeconds: 2 };
  const served = { runnerName: 'b', status: 204, ageSeconds: 1 };
  assert.equal(judgeGitLab([refused, served]).isOk, true);
  const bad = judgeGitLab([refused]);
  assert.equal(bad.isOk, false);
  assert.equal(bad.reason, 'a: 403, the token is refused: register the runner anew, 2 s ago');
  assert.equal(judgeGitLab([{ ...refused, status: undefined }]).isOk, false);
  assert.equal(judgeGitLab([]).isOk, true);
});
