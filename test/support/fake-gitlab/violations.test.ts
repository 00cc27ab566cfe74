import assert from 'node:assert/strict';
import { it } from 'node:test';
import { INFO, openGitLab, SYSTEM_ID, TOKEN } from './test-client.ts';

interface Case {
  readonly headers?: Readonly<Record<string, string>>;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly expected: RegExp;
}

const HEADERS = {
  ...{ 'Content-Type': 'application/json', Accept: 'application/json', 'RUNNER-TOKEN': TOKEN },
};
const FIELDS = { token: TOKEN, system_id: SYSTEM_ID, info: INFO };

const cases: readonly Case[] = [
  { headers: { 'User-Agent': 'curl/8.5.0' }, expected: /User-Agent is curl/ },
  { headers: { 'X-Request-Id': 'one' }, expected: /X-Request-Id is one/ },
  { headers: { Accept: '*/*' }, expected: /Accept is \*\/\*/ },
  { headers: { 'RUNNER-TOKEN': 'glrt-other' }, expected: /tokens of header and body differ/ },
  { headers: { 'RUNNER-TOKEN': '' }, expected: /no runner-token header/ },
  { fields: { token: undefined }, expected: /no token in the body/ },
  { fields: { system_id: undefined }, expected: /system_id is undefined/ },
  { fields: { system_id: 's_short' }, expected: /system_id is s_short/ },
  { fields: { info: undefined }, expected: /no info\.features/ },
  { fields: { info: { ...INFO, features: {} } }, expected: /no info\.features/ },
  { fields: { info: { ...INFO, version: '' } }, expected: /no info\.version/ },
];
for (const { headers = {}, fields = {}, expected } of cases) {
  it(`a job request with ${JSON.stringify({ ...headers, ...fields })} is a violation`, async (t) => {
    const { gitlab, client } = await openGitLab(t);
    const body = { ...FIELDS, ...fields };
    await client.callJson('POST', 'jobs/request', body, { ...HEADERS, ...headers });
    assert.match(gitlab.violations.join('\n'), expected);
  });
}

it('text in place of JSON is a violation', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const headers = { ...HEADERS, 'Content-Type': 'text/plain' };
  await client.callJson('POST', 'jobs/request', FIELDS, headers);
  assert.match(gitlab.violations.join('\n'), /Content-Type is text\/plain/);
});

it('a correct job request is no violation', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const response = await client.requestJob();
  assert.equal(response.status, 204);
  assert.deepEqual(gitlab.violations, []);
});

it('an unknown call is answered 404 and a violation', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const response = await client.call({ method: 'GET', path: 'jobs/1/log' });
  assert.equal(response.status, 404);
  assert.deepEqual(gitlab.violations, ['GET /api/v4/jobs/1/log: there is no such call']);
});
