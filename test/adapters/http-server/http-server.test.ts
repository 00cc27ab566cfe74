import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import {
  openHttpServer,
  type OpenHttpServer,
} from '../../../src/adapters/http-server/http-server.ts';
import { answerAt } from '../../../src/adapters/http-server/routes.ts';
import { recordingLog } from '../../support/recording-log.ts';

const SECRET = 'canary-4711';
const OPTIONS = {
  ...{ host: '127.0.0.1', name: 'metrics server', setting: 'listen_address' },
  log: recordingLog().log,
};

describe('the metrics server', () => {
  let server: OpenHttpServer;
  before(async () => {
    server = await openHttpServer({
      ...OPTIONS,
      port: 0,
      answer: answerAt({
        '/metrics': () => Promise.resolve({ status: 200, type: 'metrics', body: 'a 1\n' }),
        '/breaks': () => Promise.reject(new Error(SECRET)),
      }),
    });
  });
  after(() => server.close());

  /** Sends the bytes unchanged and returns everything that comes back. */
  async function talk(request: string): Promise<string> {
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.end(request);
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(socket, 'close');
    return Buffer.concat(chunks).toString();
  }

  const cases: [request: string, status: number, why: string][] = [
    ['GET /metrics HTTP/1.0', 200, 'a scrape'],
    ['GET /metrics?x=1 HTTP/1.0', 200, 'a query says nothing to it'],
    ['POST /metrics HTTP/1.0', 405, 'nothing is taken'],
    ['DELETE /metrics HTTP/1.0', 405, 'nothing is removed'],
    ['GET / HTTP/1.0', 404, 'there is no front page'],
    ['GET /../../etc/passwd HTTP/1.0', 404, 'no path leads to files'],
    ['GET /__proto__ HTTP/1.0', 404, 'what every object has is no route'],
    ['GET http://other.test/metrics HTTP/1.0', 400, 'it is no proxy'],
    ['nonsense', 400, 'no HTTP at all'],
    [`GET /metrics HTTP/1.0\r\nX: ${'x'.repeat(9_000)}`, 431, 'headers have a limit'],
    ['GET /breaks HTTP/1.0', 500, 'a fault is no reason to end'],
  ];
  for (const [request, status, why] of cases) {
    it(`answers ${status} to ${request.slice(0, 40).split('\r\n')[0]}: ${why}`, async () => {
      const answer = await talk(`${request}\r\n\r\n`);
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `));
      assert.doesNotMatch(answer, new RegExp(SECRET));
    });
  }

  it('answers HEAD without a body, and with its length', async () => {
    const answer = await talk('HEAD /metrics HTTP/1.0\r\n\r\n');
    assert.match(answer, /Content-Length: 4/);
    assert.match(answer, /\r\n\r\n$/);
  });

  it('tells which address it cannot listen at, and what to do', async () => {
    await assert.rejects(
      openHttpServer({
        ...{ ...OPTIONS, port: server.port, answer: answerAt({}) },
      }),
      /listen_address "127\.0\.0\.1:\d+" cannot be listened at \(EADDRINUSE\): choose/,
    );
  });
});
