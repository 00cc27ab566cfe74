import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectPlain } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { whenReached } from '../../../src/activities/build/when-reached.ts';
import { openCodecServer } from '../../../src/adapters/codec-server/codec-server.ts';
import { formatPayloads } from '../../../src/adapters/codec-server/wire.ts';
import { openHttpServer } from '../../../src/adapters/http-server/http-server.ts';
import { answerAt } from '../../../src/adapters/http-server/routes.ts';
import { createMetrics } from '../../../src/adapters/metrics/metrics.ts';
import { openStatusSocket } from '../../../src/adapters/metrics/status-socket.ts';
import { makeCertificate } from '../../../src/adapters/session-server/certificate.ts';
import {
  openSessionServer,
  type SessionServerOptions,
} from '../../../src/adapters/session-server/session-server.ts';
import { createVisits } from '../../../src/adapters/session-server/visits.ts';
import { createPayloadCodec } from '../../../src/adapters/temporal/codec.ts';
import type { NodeStatus } from '../../../src/domain/metrics/node-status.ts';
import { createRoutes } from '../../../src/worker/monitoring/routes.ts';
import { loadCipher } from '../../support/cipher.ts';
import { recordingLog, type Said } from '../../support/recording-log.ts';
import { createFakeShell, type FakeShell } from '../session-server/fake-shell.ts';
import type { Answering, WireRequest } from './wire-requests.ts';

/**
 * This text is in the tokens and in every fault of the servers' dependencies. It must never be in
 * an answer or a log.
 */
export const CANARY = 'canary-4711';
export const CODEC_TOKEN = `codec-${CANARY}`;
export const SESSION_TOKEN = 'b2'.repeat(32);
export const SESSION_ID = 'a1'.repeat(32);
const BUILD = 'build/example.com/7';

/** One of this program's servers, as a client outside sees it. */
export interface OpenServer extends Answering {
  /** A request that the server answers with `goodStatus`. */
  readonly good: WireRequest;
  readonly goodStatus: number;
  /** From now on every dependency of the server fails, with a canary in the fault. */
  breakInside(): void;
  mendInside(): void;
  readonly said: readonly Said[];
  close(): Promise<void>;
}

export type ServerName = 'metrics' | 'status' | 'codec' | 'session';

const HOST: WireRequest['headers'][number] = ['Host', '127.0.0.1'];
const CLOSE: WireRequest['headers'][number] = ['Connection', 'close'];

const NOBODY = (): Promise<void> => Promise.resolve();

/** Creates the dependencies that a server calls for its answers. */
function createInside() {
  let isBroken = false;
  return {
    breakInside: () => void (isBroken = true),
    mendInside: () => void (isBroken = false),
    ask: async <T>(value: T): Promise<T> => {
      if (isBroken) throw new Error(`a fault with ${CANARY}`);
      return value;
    },
    askNow: <T>(value: T): T => {
      if (isBroken) throw new Error(`a fault with ${CANARY}`);
      return value;
    },
  };
}

export async function openMetricsServer(): Promise<OpenServer> {
  const { ask, ...inside } = createInside();
  const { log, said } = recordingLog();
  const clock = { nowMs: () => 0, monotonicMs: () => 0, sleep: NOBODY };
  const routes = createRoutes({
    metrics: createMetrics({ systemId: 's_1', clock }),
    scrape: () => ask('a 1\n'),
    health: () => ask({ isReady: true, checks: [] }),
    processState: () => 'running',
    nowMs: () => 0,
  });
  const server = await openHttpServer({
    ...{ host: '127.0.0.1', port: 0, name: 'metrics server', log },
    answer: answerAt(routes),
  });
  return {
    ...{ ...inside, said, goodStatus: 200, whenLeft: NOBODY, close: () => server.close() },
    connect: () => connectPlain(server.port, '127.0.0.1'),
    good: { method: 'GET', path: '/metrics', headers: [HOST, CLOSE], body: '' },
  };
}

const STATUS: NodeStatus = {
  ...{ version: '1.2.3', pid: 7, state: 'running', uptimeSeconds: 12, isReady: true },
  slots: { concurrent: 4, builds: 1, requests: 1, free: 2 },
  ...{ checks: [], runners: [] },
};

export async function openStatusServer(): Promise<OpenServer> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-bad-input-'));
  const path = join(directory, 'status.sock');
  const { ask, ...inside } = createInside();
  const { log, said } = recordingLog();
  const close = await openStatusSocket({ path, log, look: () => ask(STATUS) });
  return {
    ...{ ...inside, said, goodStatus: 200, whenLeft: NOBODY },
    connect: () => connectPlain(path),
    good: { method: 'GET', path: '/status', headers: [HOST, CLOSE], body: '' },
    close: async () => {
      await close();
      await rm(directory, { recursive: true });
    },
  };
}

export async function openCodec(): Promise<OpenServer> {
  const directory = await mkdtemp(join(tmpdir(), 'tgr-bad-input-'));
  const codec = createPayloadCodec(await loadCipher(join(directory, 'keys.json')));
  const { askNow, ...inside } = createInside();
  const { log, said } = recordingLog();
  const server = await openCodecServer({
    ...{ host: '127.0.0.1', port: 0, setting: 'ADDRESS', codec, log, show: askNow },
    access: {
      ...{ token: CODEC_TOKEN, hosts: ['127.0.0.1'] },
      ...{ origins: () => ['https://temporal.example.com'], namespace: () => 'builds' },
    },
  });
  const [sealed] = await codec.encode([
    { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('{}') },
  ]);
  return {
    ...{ ...inside, said, goodStatus: 200, whenLeft: NOBODY },
    connect: () => connectPlain(server.port, '127.0.0.1'),
    good: {
      ...{ method: 'POST', path: '/decode' },
      headers: [
        ...[HOST, CLOSE],
        ['Authorization', `Bearer ${CODEC_TOKEN}`],
        ['Content-Type', 'application/json'],
      ],
      body: formatPayloads(sealed === undefined ? [] : [sealed]),
    },
    close: async () => {
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** Opens the session server, with the list of shells that it has opened. */
export async function openSession(
  options: Pick<SessionServerOptions, 'requestMs'> & { readonly hasShell?: boolean } = {},
): Promise<OpenServer & { readonly port: number; readonly shells: readonly FakeShell[] }> {
  const { requestMs, hasShell = true } = options;
  const { ask, ...inside } = createInside();
  const { log, said } = recordingLog();
  const shells: FakeShell[] = [];
  const visits = createVisits();
  const server = await openSessionServer({
    ...{ listen: { host: '127.0.0.1', port: 0 }, visits, log },
    certificate: makeCertificate({ host: '127.0.0.1', nowMs: Date.now(), validMs: 3_600_000 }),
    timing: { retryMs: 5, closeMs: 100 },
    ...(requestMs !== undefined && { requestMs }),
    find: (id) =>
      ask(
        id === SESSION_ID
          ? {
              ...{ buildId: BUILD, token: SESSION_TOKEN, fields: { job: 7 } },
              isRunning: () => Promise.resolve(true),
              openShell: () => {
                if (!hasShell) return new Promise(() => undefined);
                const shell = createFakeShell();
                shells.push(shell);
                return Promise.resolve(shell);
              },
            }
          : undefined,
      ),
  });
  return {
    ...{ ...inside, said, shells, port: server.port, goodStatus: 101, close: () => server.close() },
    whenLeft: () =>
      whenReached(() => !visits.isConnected(BUILD), visits.onChange, AbortSignal.timeout(5_000)),
    connect: () => connectTls({ port: server.port, host: '127.0.0.1', rejectUnauthorized: false }),
    good: {
      ...{ method: 'GET', path: `/session/${SESSION_ID}/exec`, body: '' },
      headers: [
        HOST,
        ['Connection', 'Upgrade'],
        ['Upgrade', 'websocket'],
        ['Sec-WebSocket-Version', '13'],
        ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
        ['Sec-WebSocket-Protocol', 'terminal.gitlab.com'],
        ['Authorization', SESSION_TOKEN],
      ],
    },
  };
}
