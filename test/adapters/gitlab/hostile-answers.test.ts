import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import { FinalError, TransientError } from '../../../src/domain/failure.ts';
import type { Timeouts } from '../../../src/adapters/gitlab/transport.ts';
import {
  json,
  plain,
  startServer,
  type Answer,
  type Recorded,
  type ScriptedServer,
} from './support/server.ts';
import { JOB, openCoordinator, recordingLog } from './support/subjects.ts';

const JSON_TYPE = { 'Content-Type': 'application/json' };
const TIMEOUTS = { connectMs: 1_000, headersMs: 5_000, bodyMs: 200, requestMs: 3_000 };

const resetBeforeHead: Answer = (response) => response.socket?.resetAndDestroy();
const resetInBody: Answer = (response) => {
  response.writeHead(201, { ...JSON_TYPE, 'Content-Length': '1000' });
  response.write('{"id": 1, ', () => response.socket?.resetAndDestroy());
};
const endInBody: Answer = (response) => {
  response.writeHead(201, { ...JSON_TYPE, 'Content-Length': '1000' });
  response.write('{"id": 1, ', () => response.socket?.end());
};

/** Sends the head at once, then single bytes as long as the other side reads. */
function drip(status: number): Answer {
  return (response) => {
    response.writeHead(status, JSON_TYPE);
    const timer = setInterval(() => response.write('['), 20);
    response.on('close', () => clearInterval(timer));
  };
}

/** Sends an endless body as long as the other side reads. */
function flood(status: number): Answer {
  return (response) => {
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    response.writeHead(status, JSON_TYPE);
    const pour = (): void => {
      while (!response.destroyed && response.write(chunk));
      if (!response.destroyed) response.once('drain', pour);
    };
    pour();
  };
}

describe('hostile answers', () => {
  let server: ScriptedServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.close());

  const cases: [name: string, answer: Answer, words: RegExp, timeouts?: Partial<Timeouts>][] = [
    [
      'a reset instead of a head',
      resetBeforeHead,
      /POST http.*jobs\/request failed: .*(ECONNRESET|UND_ERR)/,
    ],
    ['a reset in the body', resetInBody, /failed: /],
    ['an end in the body', endInBody, /failed: /],
    ['a byte now and then', drip(201), /not complete after 200 ms/],
    ['a job without end', flood(201), /longer than 67108864 bytes/, { bodyMs: 20_000 }],
    ['an error page without end', flood(400), /status 400/],
    ['an error that drips', drip(403), /status 403/],
    [
      'a gzip bomb',
      plain(200, { ...JSON_TYPE, 'Content-Encoding': 'gzip' }, gzipSync(Buffer.alloc(80_000_000))),
      /longer than 67108864 bytes/,
      { bodyMs: 20_000 },
    ],
    [
      'gzip that is none',
      plain(201, { ...JSON_TYPE, 'Content-Encoding': 'gzip' }, 'no gzip'),
      /failed: /,
    ],
    [
      'half a job',
      plain(201, JSON_TYPE, '{"id": 1, "token": "glcbt-canary'),
      /cannot be read: status 201 with application\/json .*saying 32 bytes/,
    ],
    [
      'a job called a text',
      plain(200, { 'Content-Type': 'text/plain' }, '{"id": 1, "token": "glcbt-canary"}'),
      /status 200 with text\/plain/,
    ],
    ['an empty 200', plain(200), /status 200/],
    [
      'an error of objects that are no words',
      plain(
        400,
        JSON_TYPE,
        `{"message":{"x":[{"toString":1},${'['.repeat(9_000)}${']'.repeat(9_000)}]}}`,
      ),
      /status 400: x: …; …/,
    ],
    [
      'a gzip bomb as an error',
      plain(400, { ...JSON_TYPE, 'Content-Encoding': 'gzip' }, gzipSync(Buffer.alloc(80_000_000))),
      /status 400/,
    ],
    ['no answer at all', () => undefined, /no answer in 700 ms/, { requestMs: 700 }],
  ];
  for (const [name, answer, words, limits] of cases) {
    it(`${name} ends the request in time, with a short message`, async () => {
      server.answer(answer);
      const timeouts = { ...TIMEOUTS, requestMs: 30_000, ...limits };
      const coordinator = openCoordinator(server.url, { timeouts });
      const reply = await coordinator.requestJob({ mayWait: false });
      assert.ok(reply.kind === 'failed' || reply.kind === 'forbidden', reply.kind);
      assert.match(reply.message, words);
      assert.doesNotMatch(reply.message, /canary/);
      assert.ok(reply.message.length < 700, `${reply.message.length} characters`);
      await coordinator.close();
    });
  }

  it('is not delayed by the body of an answer whose status is enough', async () => {
    server.answer(drip(200));
    const coordinator = openCoordinator(server.url, { timeouts: TIMEOUTS });
    const reply = await coordinator.updateJob(JOB, { state: 'success' });
    assert.deepEqual(reply, { kind: 'done', remote: 'running' });
    await coordinator.close();
  });

  it('continues with the next request after each of them', async () => {
    const coordinator = openCoordinator(server.url, { timeouts: TIMEOUTS });
    for (const bad of [resetBeforeHead, resetInBody, drip(201)]) {
      server.answer(bad);
      assert.equal((await coordinator.requestJob({ mayWait: false })).kind, 'failed');
      server.answer(json(201, { id: 1 }));
      assert.equal((await coordinator.requestJob({ mayWait: false })).kind, 'job');
    }
    await coordinator.close();
  });

  it('a refused connection is a transient fault that names the address', async () => {
    const gone = await startServer();
    await gone.close();
    const coordinator = openCoordinator(gone.url);
    await assert.rejects(coordinator.updateJob(JOB, { state: 'running' }), (error) => {
      assert.ok(error instanceof TransientError);
      assert.match(
        error.message,
        /PUT http:\/\/127\.0\.0\.1:\d+\/api\/v4\/jobs\/7 failed: .*ECONNREFUSED/,
      );
      return true;
    });
    await coordinator.close();
  });

  it('a malformed proxy address is a transient fault that does not quote its password', async () => {
    const env = { HTTP_PROXY: 'http://user:canary@no host' };
    const coordinator = openCoordinator('http://gitlab.test', { env });
    const reply = await coordinator.requestJob({ mayWait: false });
    assert.ok(reply.kind === 'failed');
    assert.match(reply.message, /jobs\/request failed: .*Invalid URL/);
    assert.doesNotMatch(reply.message, /canary/);
  });

  it('a server that repeats every token gets none of them into a log or an error', async () => {
    const log = recordingLog();
    const coordinator = openCoordinator(server.url, { log });
    const told: string[] = [];
    for (const status of [400, 403, 503]) {
      server.answer((response, { headers, body }) => {
        const tokens = [headers['runner-token'], headers['job-token'], body.toString()].join(' ');
        json(status, { message: tokens })(response, server.requests[0] as Recorded);
      });
      const reply = await coordinator.requestJob({ mayWait: false });
      told.push(JSON.stringify(reply));
      await coordinator
        .updateJob(JOB, { state: 'running' })
        .catch((error: unknown) => told.push(String(error), inspect(error, { depth: 5 })));
    }
    assert.match(told.join('\n'), /\[MASKED\]/);
    assert.doesNotMatch([...told, ...log.lines].join('\n'), /canary/);
    await coordinator.close();
  });

  it('a malformed url is a final fault for a job call', async () => {
    const coordinator = openCoordinator('ftp://gitlab.example.com');
    await assert.rejects(coordinator.updateJob(JOB, { state: 'running' }), (error) => {
      assert.ok(error instanceof FinalError);
      assert.equal(error.type, 'RunnerConfiguration');
      return true;
    });
  });

  it('a token that is not allowed in a header is not quoted', async () => {
    const coordinator = openCoordinator(server.url, { runner: { token: 'canary\nx' } });
    const reply = await coordinator.requestJob({ mayWait: false });
    assert.ok(reply.kind === 'failed');
    assert.doesNotMatch(reply.message, /canary/);
  });
});
