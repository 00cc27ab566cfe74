import assert from 'node:assert/strict';
import { it } from 'node:test';
import { INFO, openGitLab, SYSTEM_ID, TOKEN } from './test-client.ts';

const VERIFY = { system_id: SYSTEM_ID, info: INFO };
const PARAMETERS = { run_untagged: true, locked: false, paused: false, info: INFO };

it('verifies a runner by its token and answers its id', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  gitlab.addRunner({ token: 'glrt-second', id: 77 });
  const response = await client.callJson('POST', 'runners/verify', {
    ...VERIFY,
    token: 'glrt-second',
  });
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { id: 77, token: 'glrt-second', token_expires_at: null });
  assert.deepEqual(gitlab.violations, []);
});

it('refuses a runner that was removed', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  gitlab.removeRunner(TOKEN);
  const response = await client.callJson('POST', 'runners/verify', { ...VERIFY, token: TOKEN });
  assert.equal(response.status, 403);
  assert.deepEqual(await response.json(), { message: '403 Forbidden' });
  assert.equal((await client.requestJob()).status, 403);
});

it('registers by a registration token, and hands out jobs for the token that it answered', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  gitlab.addRegistrationToken('GR1348941abc');
  const register = (token: string): Promise<Response> =>
    client.callJson('POST', 'runners', { ...PARAMETERS, token });
  assert.equal((await register('GR1348941other')).status, 403);
  const response = await register('GR1348941abc');
  assert.equal(response.status, 201);
  const { token } = (await response.json()) as { token: string };
  assert.match(token, /^t1_/, 'glrt- is for runners that were made in the UI');
  assert.equal((await client.requestJob({ token })).status, 204);
  assert.deepEqual(gitlab.violations, []);
});

it('deletes a runner with DELETE /runners', async (t) => {
  const { client } = await openGitLab(t);
  assert.equal((await client.callJson('DELETE', 'runners', { token: TOKEN })).status, 204);
  assert.equal((await client.callJson('DELETE', 'runners', { token: TOKEN })).status, 403);
});

it('deletes one machine of a runner with DELETE /runners/managers', async (t) => {
  const { client } = await openGitLab(t);
  const remove = (systemId?: string): Promise<Response> =>
    client.callJson('DELETE', 'runners/managers', { token: TOKEN, system_id: systemId });
  await client.callJson('POST', 'runners/verify', { ...VERIFY, token: TOKEN });
  assert.equal((await remove()).status, 400);
  assert.equal((await remove(SYSTEM_ID)).status, 204);
  assert.equal((await remove(SYSTEM_ID)).status, 404, 'it is gone');
  assert.equal((await client.requestJob()).status, 204, 'the runner itself is not');
});

it('replaces a token by a new one of the same kind', async (t) => {
  const { gitlab, client } = await openGitLab(t);
  const path = 'runners/reset_authentication_token';
  const response = await client.callJson('POST', path, { token: TOKEN }, {});
  assert.equal(response.status, 201);
  assert.deepEqual(gitlab.violations, [], 'the token of the body is enough here');
  const { token } = (await response.json()) as { token: string };
  assert.match(token, /^glrt-/);
  assert.notEqual(token, TOKEN);
  assert.equal((await client.requestJob()).status, 403);
  const verified = await client.callJson('POST', 'runners/verify', { ...VERIFY, token });
  assert.equal(verified.status, 200);
});
