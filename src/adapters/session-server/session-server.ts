import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { ListenAddress } from '../../domain/runner/listen-address.ts';
import { parseSessionTarget } from '../../domain/session/session.ts';
import type { ContainerTerminal, Log } from '../../ports/index.ts';
import {
  answerAll,
  headersOf,
  listenAt,
  requestRules,
  said,
  STATUS_WORDS,
} from '../http-server/http-server.ts';
import { requestFault } from '../http-server/request-fault.ts';
import { isSameText } from '../http-server/same-text.ts';
import type { ServerCertificate } from './certificate.ts';
import type { Visit, Visits } from './visits.ts';
import { openWhenRunning, serveTerminal, type TerminalTiming } from './web-terminal.ts';
import { chooseProtocol } from './wire.ts';

const MAX_HEADER_BYTES = 16 * 1024;
const REQUEST_MS = 10_000;
const IDLE_MS = 5_000;
const MAX_CONNECTIONS = 512;
/** How long the end of this process waits until terminals are closed. */
const LEAVE_MS = 2_000;
/** How long a client may take to read a refusal and to leave. */
const REFUSED_MS = 2_000;
/** The largest message of a client, such as a text that somebody pastes. */
const MAX_MESSAGE_BYTES = 1024 * 1024;

/** gitlab-runner has the same times where it has such limits. */
const DEFAULT_TERMINAL_TIMING: TerminalTiming = {
  openMs: 60_000,
  retryMs: 500,
  pingMs: 30_000,
  idleMs: () => 30 * 60_000,
  closeMs: 2_000,
};

/** A session of a build that runs on this node. */
export interface FoundSession {
  readonly buildId: string;
  readonly token: string;
  /** Fields that name the job in the log. */
  readonly fields: Readonly<Record<string, unknown>>;
  /** Opens a shell; undefined while the job's container does not run. */
  openShell(): Promise<ContainerTerminal | undefined>;
  /** Whether the job's container runs. */
  isRunning(): Promise<boolean>;
}

export interface SessionServerOptions {
  readonly listen: ListenAddress;
  readonly certificate: ServerCertificate;
  readonly visits: Visits;
  readonly find: (id: string) => Promise<FoundSession | undefined>;
  readonly log: Log;
  readonly timing?: Partial<TerminalTiming>;
  /** How long a handshake of TLS and a request may take. Tests use a shorter time. */
  readonly requestMs?: number;
}

export interface SessionServer {
  readonly port: number;
  close(): Promise<void>;
}

interface Scope extends Omit<SessionServerOptions, 'timing'> {
  readonly timing: TerminalTiming;
  readonly sockets: WebSocketServer;
}

/**
 * Serves terminals to clients with a session's token. Throws InvalidConfig when it cannot listen at
 * the address.
 */
export async function openSessionServer(options: SessionServerOptions): Promise<SessionServer> {
  const { certificate, visits, listen, requestMs = REQUEST_MS } = options;
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MAX_MESSAGE_BYTES,
    handleProtocols: chooseProtocol,
  });
  const scope = { ...options, sockets, timing: { ...DEFAULT_TERMINAL_TIMING, ...options.timing } };
  const server = createServer({
    cert: certificate.certificatePem,
    key: certificate.keyPem,
    minVersion: 'TLSv1.2',
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: IDLE_MS,
    ...requestRules(requestMs),
    handshakeTimeout: requestMs,
  });
  answerAll(server, (request, response) => void answer(request, response, scope));
  server.maxConnections = MAX_CONNECTIONS;
  const connections = openConnections(server);
  const open = new Set<Promise<void>>();
  server.on('upgrade', (request: IncomingMessage, connection: Duplex, head: Buffer) => {
    const work = upgrade({ request, connection, head }, scope).finally(() => open.delete(work));
    open.add(work);
  });
  await listenAt(server, listen, '[session_server].listen_address');
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : listen.port,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      visits.endAll('The runner stops. The job goes on: connect again in a moment.');
      // The wait is limited, because Docker may be away.
      await Promise.race([Promise.all(open), delay(LEAVE_MS, undefined, { ref: false })]);
      for (const connection of connections) connection.destroy();
      await closed;
    },
  };
}

/**
 * Collects all connections, because the server itself knows neither those without a handshake nor
 * those that were upgraded.
 */
function openConnections(server: Server): ReadonlySet<Socket> {
  const connections = new Set<Socket>();
  server.on('connection', (connection: Socket) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
  });
  return connections;
}

type Refusal = 400 | 401 | 404 | 405 | 417 | 423 | 431 | 500 | 503;

/**
 * Finds the session whose terminal is asked for, or returns the status of the refusal, in
 * gitlab-runner's order.
 */
async function admit(
  request: IncomingMessage,
  { find }: Pick<Scope, 'find'>,
): Promise<FoundSession | Refusal> {
  const { url = '', headers } = request;
  const fault = requestFault(request);
  if (fault !== undefined) return fault;
  const target = parseSessionTarget(url);
  const session = target && (await find(target.id));
  if (target === undefined || session === undefined) return 404;
  if (!isSameText(headers.authorization ?? '', session.token)) return 401;
  if (target.kind === 'proxy') return 404;
  return asksForTerminal(request) ? session : 405;
}

function asksForTerminal({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

/** Answers a request that asks for no upgrade, and so gets no terminal. */
async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { find, log }: Scope,
): Promise<void> {
  let status: Refusal;
  try {
    const admitted = await admit(request, { find });
    status = typeof admitted === 'number' ? admitted : 405;
  } catch (error) {
    log.error('a request to the session server could not be answered', { error });
    status = 500;
  }
  const { body, headers } = refusalOf(status);
  response.writeHead(status, headers);
  response.end(request.method === 'HEAD' ? undefined : body);
}

function refusalOf(status: Refusal) {
  const { body } = said(status);
  const headers = headersOf('text/plain; charset=utf-8', Buffer.byteLength(body));
  return { body, headers: { ...headers, Connection: 'close' } };
}

interface Upgrade {
  readonly request: IncomingMessage;
  readonly connection: Duplex;
  readonly head: Buffer;
}

async function upgrade(asked: Upgrade, scope: Scope): Promise<void> {
  const { request, connection } = asked;
  // The connection ends after an error, and its close event tells that.
  connection.on('error', () => undefined);
  try {
    const admitted = await admit(request, scope);
    if (typeof admitted === 'number') refuse(connection, admitted);
    else await visit(asked, admitted, scope);
  } catch (error) {
    scope.log.error('a terminal could not be opened', { error });
    refuse(connection, 500);
  }
}

/** Refuses a connection. It would stay open for ever if nobody read its rest. */
function refuse(connection: Duplex, status: Refusal): void {
  const { body, headers } = refusalOf(status);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  connection.end(`HTTP/1.1 ${status} ${STATUS_WORDS[status]}\r\n${lines.join('')}\r\n${body}`);
  connection.resume();
  const limit = setTimeout(() => connection.destroy(), REFUSED_MS).unref();
  connection.on('close', () => clearTimeout(limit));
}

/**
 * Serves one person at a time, from the first request on: a second person would find a shell that
 * is only half open.
 */
async function visit(asked: Upgrade, session: FoundSession, scope: Scope): Promise<void> {
  const { connection, request } = asked;
  const { visits, log, timing } = scope;
  const entered = visits.enter(session.buildId);
  if (entered === undefined) return refuse(connection, 423);
  const leave = (): void => entered.close('the connection was closed');
  connection.on('close', leave);
  const limit = setTimeout(() => entered.close('the container did not start'), timing.openMs);
  limit.unref(); // The process may end while Docker does not answer.
  try {
    const shell = await openWhenRunning({ ...session, visit: entered, timing, log });
    clearTimeout(limit);
    if (shell === undefined) return refuse(connection, 503);
    const fields = { ...session.fields, from: request.socket.remoteAddress };
    log.info('terminal connected', fields);
    await connect(asked, { ...session, shell, visit: entered }, scope);
    log.info('terminal disconnected', fields);
  } finally {
    clearTimeout(limit);
    connection.off('close', leave);
    entered.leave();
  }
}

interface Opened extends FoundSession {
  readonly shell: ContainerTerminal;
  readonly visit: Visit;
}

/**
 * Connects a client. The library answers one that breaks the protocol of the upgrade, and it gets
 * no terminal.
 */
async function connect(
  { request, connection, head }: Upgrade,
  opened: Opened,
  { sockets, timing, log }: Scope,
): Promise<void> {
  let serving: Promise<void> | undefined;
  sockets.handleUpgrade(request, connection, head, (socket) => {
    // The library closes the connection after an error, such as too large a message.
    socket.on('error', () => undefined);
    serving = serveTerminal({ ...opened, socket, timing, log });
  });
  if (serving === undefined) await opened.shell.close();
  await serving;
}
