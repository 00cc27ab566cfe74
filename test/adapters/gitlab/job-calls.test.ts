import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { PatchReply, UpdateReply } from '../../../src/ports/index.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import { RUNNER_FEATURES } from '../../../src/domain/runner/features.ts';
import { json, plain, startServer, type Answer, type ScriptedServer } from './support/server.ts';
import { JOB, openCoordinator } from './support/subjects.ts';

const BYTES = new TextEncoder().encode('hello, wörld\n');
const PATCH = {
  window: { startByte: 100, endByte: 100 + BYTES.byteLength },
  body: BYTES,
  debugTrace: false,
};
const MIB = 1024 * 1024;
const FAR_BEHIND_BYTES = 100 * MIB;
const HTML = { 'Content-Type': 'text/html; charset=utf-8' };

async function rejection(promise: Promise<unknown>): Promise<TransientError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof TransientError, `expected a TransientError, got ${String(error)}`);
  assert.doesNotMatch(`${error.message} ${error.stack}`, /canary/);
  return error;
}

describe('job update', () => {
  let server: ScriptedServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.close());

  it('acknowledges a job without values that are not known yet', async () => {
    server.answer(json(200, true));
    const coordinator = openCoordinator(server.url);
    const reply = await coordinator.updateJob(JOB, { state: 'running' });
    assert.deepEqual(reply, { kind: 'done', remote: 'running' });
    const request = server.requests.at(-1);
    assert.equal(`${request?.method} ${request?.path}`, 'PUT /api/v4/jobs/7');
    assert.equal(request?.headers['job-token'], JOB.token);
    assert.equal(request?.headers['runner-token'], undefined);
    const { info, ...rest } = request?.json() ?? {};
    assert.deepEqual(rest, { token: JOB.token, state: 'running' });
    assert.deepEqual((info as Record<string, unknown>)['features'], RUNNER_FEATURES);
    await coordinator.close();
  });

  it('sends all values of a final state', async () => {
    server.answer(json(200, true));
    const coordinator = openCoordinator(server.url);
    const sums = { checksum: 'crc32:0a1b2c3d', byteSize: 42 };
    await coordinator.updateJob(JOB, {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 3 },
      ...sums,
    });
    const { info, ...rest } = server.requests.at(-1)?.json() ?? {};
    assert.ok(info);
    assert.deepEqual(rest, {
      ...{ token: JOB.token, state: 'failed', failure_reason: 'script_failure', exit_code: 3 },
      checksum: 'crc32:0a1b2c3d',
      output: { checksum: 'crc32:0a1b2c3d', bytesize: 42 },
    });
    await coordinator.updateJob(JOB, { state: 'success', exitCode: 0, ...sums });
    assert.equal('exit_code' in (server.requests.at(-1)?.json() ?? {}), false);
    await coordinator.close();
  });

  const interval = { 'X-GitLab-Trace-Update-Interval': '4' };
  const cases: [name: string, answer: Answer, expected: UpdateReply][] = [
    ['200', plain(200), { kind: 'done', remote: 'running' }],
    [
      '200 canceling',
      plain(200, { 'Job-Status': 'canceling' }),
      { kind: 'done', remote: 'canceling' },
    ],
    ['200 canceled', plain(200, { 'Job-Status': 'canceled' }), { kind: 'done', remote: 'aborted' }],
    [
      '202 of a failed job',
      plain(202, { 'Job-Status': 'failed' }),
      { kind: 'done', remote: 'aborted' },
    ],
    ['202', plain(202), { kind: 'pending', retryAfterMs: 3_000 }],
    ['202 with an interval', plain(202, interval), { kind: 'pending', retryAfterMs: 4_000 }],
    ['412', plain(412), { kind: 'trace_invalid' }],
    ['403', json(403, { message: '403 Forbidden' }), { kind: 'job_gone', status: 403 }],
    ['404', plain(404), { kind: 'job_gone', status: 404 }],
  ];
  for (const [name, answer, expected] of cases) {
    it(`an answer ${name} is ${expected.kind}`, async () => {
      server.answer(answer);
      const coordinator = openCoordinator(server.url);
      assert.deepEqual(await coordinator.updateJob(JOB, { state: 'success' }), expected);
      await coordinator.close();
    });
  }

  it('an answer 409 to the acknowledgement is conflict', async () => {
    server.answer(plain(409));
    const coordinator = openCoordinator(server.url);
    const reply = await coordinator.updateJob(JOB, { state: 'running' });
    assert.deepEqual(reply, { kind: 'conflict' });
    await coordinator.close();
  });

  const faults: [name: string, answer: Answer, words: RegExp, sent: number][] = [
    ['409', json(409, { message: '409 Resource lock' }), /status 409: 409 Resource lock/, 1],
    [
      '400',
      json(400, { error: 'state is invalid' }),
      /update of job 7 .*status 400: state is invalid/,
      1,
    ],
    ['500 for ever', json(500, { message: '500 Internal Server Error' }), /status 500/, 5],
    ['200 with a page', plain(200, HTML, '<p>Maintenance</p>'), /text\/html.*"Maintenance"/, 1],
    ['204', plain(204), /status 204/, 1],
    [
      'an error quoting the token',
      json(400, { message: `bad token ${JOB.token}` }),
      /bad token \[MASKED\]/,
      1,
    ],
  ];
  for (const [name, answer, words, sent] of faults) {
    it(`an answer ${name} is thrown, so that the result is not lost`, async () => {
      server.answer(answer);
      const before = server.requests.length;
      const coordinator = openCoordinator(server.url);
      const error = await rejection(coordinator.updateJob(JOB, { state: 'success' }));
      assert.match(error.message, words);
      assert.equal(error.retryAfterMs, undefined);
      assert.equal(server.requests.length - before, sent);
      await coordinator.close();
    });
  }

  it('passes a long Retry-After to the caller and sends nothing before it is over', async () => {
    server.answer(plain(429, { 'Retry-After': '60' }));
    const before = server.requests.length;
    const coordinator = openCoordinator(server.url);
    const first = await rejection(coordinator.updateJob(JOB, { state: 'success' }));
    assert.equal(first.retryAfterMs, 60_000);
    const second = await rejection(coordinator.updateJob(JOB, { state: 'success' }));
    assert.ok((second.retryAfterMs ?? 0) > 55_000);
    assert.equal(server.requests.length - before, 1);
    server.answer(plain(200));
    const other = { ...JOB, jobId: 8 };
    assert.equal((await coordinator.updateJob(other, { state: 'success' })).kind, 'done');
    await coordinator.close();
  });

  it('remembers X-GitLab-Last-Update of an update for the next job request', async () => {
    const coordinator = openCoordinator(server.url);
    server.answer(plain(200, { 'X-GitLab-Last-Update': 'cursor-2' }), plain(204));
    await coordinator.updateJob(JOB, { state: 'running' });
    await coordinator.requestJob({ mayWait: true });
    assert.equal(server.requests.at(-1)?.json()['last_update'], 'cursor-2');
    await coordinator.close();
  });
});

describe('trace patch', () => {
  let server: ScriptedServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.close());

  it('sends exactly the bytes with an inclusive range', async () => {
    server.answer(plain(202, { 'Job-Status': 'running', Range: '0-114' }));
    const coordinator = openCoordinator(server.url);
    const body = Uint8Array.from({ length: 256 }, (_, index) => index);
    const window = { startByte: 10, endByte: 266 };
    await coordinator.patchTrace(JOB, { window, body, debugTrace: true });
    const request = server.requests.at(-1);
    assert.equal(
      `${request?.method} ${request?.path}`,
      'PATCH /api/v4/jobs/7/trace?debug_trace=true',
    );
    assert.equal(request?.headers['content-range'], '10-265');
    assert.equal(request?.headers['content-type'], 'text/plain');
    assert.equal(request?.headers['content-length'], '256');
    assert.equal(request?.headers['job-token'], JOB.token);
    assert.deepEqual(new Uint8Array(request?.body ?? []), body);
    await coordinator.close();
  });

  it('sends the same bytes again after a 502', async () => {
    server.answer(plain(502), plain(202));
    const coordinator = openCoordinator(server.url);
    assert.equal((await coordinator.patchTrace(JOB, PATCH)).kind, 'accepted');
    const [first, second] = server.requests.slice(-2);
    assert.deepEqual(first?.body, Buffer.from(BYTES));
    assert.deepEqual(second?.body, first?.body);
    assert.notEqual(second?.headers['x-request-id'], first?.headers['x-request-id']);
    await coordinator.close();
  });

  it('sends nothing for an empty window', async () => {
    const before = server.requests.length;
    const coordinator = openCoordinator(server.url);
    const window = { startByte: 5, endByte: 5 };
    const reply = await coordinator.patchTrace(JOB, { ...PATCH, window, body: new Uint8Array() });
    assert.equal(reply.kind, 'accepted');
    assert.equal(server.requests.length, before);
  });

  it('sends larger parts of a log that lags far behind, until GitLab refuses one as too large', async () => {
    const coordinator = openCoordinator(server.url);
    const nextBytes = (): number => {
      const permit = coordinator.takePatchPermit(FAR_BEHIND_BYTES);
      permit.giveBack();
      return permit.maxBytes;
    };
    const send = async (answer: Answer): Promise<string> => {
      server.answer(answer);
      const body = new Uint8Array(nextBytes()).fill(120);
      const window = { startByte: 0, endByte: body.byteLength };
      const { kind } = await coordinator.patchTrace(JOB, { ...PATCH, window, body });
      const request = server.requests.at(-1);
      assert.equal(request?.headers['content-length'], `${body.byteLength}`);
      assert.equal(request?.headers['content-range'], `0-${body.byteLength - 1}`);
      return `${body.byteLength / MIB} MiB: ${kind}`;
    };
    const answers = [202, 202, 413, 202, 202].map((status) => plain(status));
    const told: string[] = [];
    for (const answer of answers) told.push(await send(answer));
    const expected = ['1 MiB: accepted', '2 MiB: accepted', '4 MiB: too_large'];
    assert.deepEqual(told, [...expected, '1 MiB: accepted', '1 MiB: accepted']);
    await coordinator.close();
  });

  it('treats a 413 for a small part of a log as a fault', async () => {
    server.answer(plain(413));
    const coordinator = openCoordinator(server.url);
    assert.match((await rejection(coordinator.patchTrace(JOB, PATCH))).message, /status 413/);
    await coordinator.close();
  });

  const every60 = { 'X-GitLab-Trace-Update-Interval': '60' };
  const running = { remote: 'running', updateIntervalMs: undefined } as const;
  const mismatch = { kind: 'range_mismatch', ...running } as const;
  const cases: [name: string, answer: Answer, expected: PatchReply][] = [
    ['202', plain(202, every60), { kind: 'accepted', remote: 'running', updateIntervalMs: 60_000 }],
    [
      '202 canceling',
      plain(202, { 'Job-Status': 'canceling' }),
      { kind: 'accepted', ...running, remote: 'canceling' },
    ],
    [
      '202 canceled',
      plain(202, { 'Job-Status': 'canceled' }),
      { kind: 'accepted', ...running, remote: 'aborted' },
    ],
    ['416 behind', plain(416, { Range: '0-40' }), { ...mismatch, remoteLengthBytes: 40 }],
    ['416 empty', plain(416, { Range: '0-0' }), { ...mismatch, remoteLengthBytes: 0 }],
    ['416 nonsense', plain(416, { Range: 'bytes=x' }), { ...mismatch, remoteLengthBytes: 0 }],
    ['416 without Range', plain(416), { ...mismatch, remoteLengthBytes: 0 }],
    ['403', plain(403, { 'Job-Status': 'canceled' }), { kind: 'job_gone', status: 403 }],
    ['404', plain(404), { kind: 'not_found' }],
    ['404 canceled', plain(404, { 'Job-Status': 'canceled' }), { kind: 'job_gone', status: 404 }],
  ];
  for (const [name, answer, expected] of cases) {
    it(`an answer ${name} is ${expected.kind}`, async () => {
      server.answer(answer);
      const coordinator = openCoordinator(server.url);
      assert.deepEqual(await coordinator.patchTrace(JOB, PATCH), expected);
      await coordinator.close();
    });
  }

  const faults: [name: string, answer: Answer, words: RegExp][] = [
    ['202 with a page', plain(202, HTML, 'Log in'), /text\/html/],
    ['200', plain(200), /trace of job 7 was not taken: status 200/],
    ['400', json(400, { error: 'Content-Range is missing' }), /Content-Range is missing/],
    ['504 for ever', plain(504), /status 504/],
  ];
  for (const [name, answer, words] of faults) {
    it(`an answer ${name} is thrown, so that the bytes are sent again`, async () => {
      server.answer(answer);
      const coordinator = openCoordinator(server.url);
      assert.match((await rejection(coordinator.patchTrace(JOB, PATCH))).message, words);
      await coordinator.close();
    });
  }
});
