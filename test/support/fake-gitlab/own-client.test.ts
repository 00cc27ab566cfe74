import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { crc32 } from 'node:zlib';
import { createRegistrationClient } from '../../../src/adapters/gitlab/registration.ts';
import { openCoordinator, PROGRAM, recordingLog } from '../../adapters/gitlab/support/subjects.ts';
import { isRecord } from './exchange.ts';
import { openGitLab, SYSTEM_ID, TOKEN } from './test-client.ts';
import type { FakeGitLab, RecordedRequest } from './types.ts';

// These tests compare this project's client with recorded requests of gitlab-runner: see README.md.

/** The headers by which calls of gitlab-runner differ. */
const TELLING_HEADERS: readonly string[] = [
  ...['accept', 'content-type', 'content-range', 'runner-token', 'job-token'],
];

/** Returns the form of a call without its values. */
function shapeOf({ method, path, headers, body }: RecordedRequest): string {
  // fetch always sends Accept. The value `*/*` counts as no header.
  const names = TELLING_HEADERS.filter((name) => (headers[name] ?? '*/*') !== '*/*');
  const keys = isRecord(body) && !Buffer.isBuffer(body) ? Object.keys(body).sort() : [];
  const place = path.replace(/\/\d+/, '/:id');
  return `${method} ${place} | ${names.join(' ')} | ${keys.join(' ')}`;
}

function shapesOf({ requests }: FakeGitLab): readonly string[] {
  return requests.map(shapeOf);
}

async function openOwn(context: TestContext) {
  const { gitlab } = await openGitLab(context);
  const coordinator = openCoordinator(gitlab.url, { runner: { token: TOKEN } });
  const registration = createRegistrationClient({
    ...{ url: gitlab.url, configDir: '/nonexistent', program: PROGRAM, env: {} },
    log: recordingLog(),
  });
  context.after(() => Promise.all([coordinator.close(), registration.close()]));
  return { gitlab, coordinator, registration };
}

it('takes a job, and sends its trace and its end as gitlab-runner does', async (t) => {
  const { gitlab, coordinator } = await openOwn(t);
  const job = gitlab.addJob();
  const reply = await coordinator.requestJob({ mayWait: false });
  assert.equal(reply.kind, 'job');
  const credentials = { jobId: job.id, token: job.token };
  const body = Buffer.from('log\n');
  const sums = { checksum: `crc32:${crc32(body).toString(16).padStart(8, '0')}`, byteSize: 4 };
  await coordinator.updateJob(credentials, { state: 'running' });
  const window = { startByte: 0, endByte: 4 };
  await coordinator.patchTrace(credentials, { window, body, debugTrace: false });
  await coordinator.updateJob(credentials, { state: 'running', ...sums });
  const end = { state: 'failed', failureReason: 'script_failure', exitCode: 3 } as const;
  await coordinator.updateJob(credentials, { ...end, ...sums });
  assert.deepEqual([job.state, job.log, job.exitCode], ['failed', 'log', 3]);
  assert.deepEqual(gitlab.violations, []);
  const update = 'PUT /api/v4/jobs/:id | content-type job-token |';
  assert.deepEqual(shapesOf(gitlab), [
    'POST /api/v4/jobs/request | accept content-type runner-token | info system_id token',
    `${update} info state token`,
    'PATCH /api/v4/jobs/:id/trace?debug_trace=false | content-type content-range job-token | ',
    `${update} checksum info output state token`,
    `${update} checksum exit_code failure_reason info output state token`,
  ]);
});

it('requests with last_update from the second time on', async (t) => {
  const { gitlab, coordinator } = await openOwn(t);
  await coordinator.requestJob({ mayWait: true });
  gitlab.intercept(() => ({ status: 204 }));
  await coordinator.requestJob({ mayWait: true });
  await coordinator.requestJob({ mayWait: true });
  const lastUpdates = gitlab.requests.map(({ body }) => isRecord(body) && body['last_update']);
  assert.equal(lastUpdates[0], undefined);
  assert.match(String(lastUpdates[1]), /^[0-9a-f]{32}$/);
  assert.equal(lastUpdates[2], lastUpdates[1], 'an answer without one changes nothing');
});

it('registers, verifies and unregisters as gitlab-runner does', async (t) => {
  const { gitlab, registration } = await openOwn(t);
  gitlab.addRegistrationToken('GR1348941token');
  const verified = await registration.verifyRunner(TOKEN, SYSTEM_ID);
  assert.equal(verified.kind, 'valid');
  const parameters = { tagList: ['a', 'b'], runUntagged: false, locked: true, paused: false };
  const registered = await registration.registerRunner('GR1348941token', {
    ...{ description: 'd', ...parameters },
  });
  assert.ok(registered.kind === 'registered', JSON.stringify(registered));
  assert.deepEqual(await registration.unregisterManager(TOKEN, SYSTEM_ID), {
    kind: 'unregistered',
  });
  assert.deepEqual(await registration.unregisterRunner(registered.token), {
    kind: 'unregistered',
  });
  assert.deepEqual(gitlab.violations, []);
  const asking = 'accept content-type runner-token';
  const fields = 'description info locked paused run_untagged tag_list token';
  assert.deepEqual(shapesOf(gitlab), [
    `POST /api/v4/runners/verify | ${asking} | info system_id token`,
    `POST /api/v4/runners | ${asking} | ${fields}`,
    'DELETE /api/v4/runners/managers | content-type runner-token | system_id token',
    'DELETE /api/v4/runners | content-type runner-token | token',
  ]);
});
