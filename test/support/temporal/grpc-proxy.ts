import { once } from 'node:events';
import {
  connect,
  createServer,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { basename } from 'node:path';

/** Source: google.rpc.Code. */
const GRPC_STATUS = { RESOURCE_EXHAUSTED: 8, UNAVAILABLE: 14 } as const;

export interface GrpcSickness {
  readonly status: keyof typeof GRPC_STATUS;
  /** One of so many calls gets this answer; 1 means every call. */
  readonly oneOf: number;
}

/** A gRPC proxy that answers some calls with an error and passes the others on. */
export interface GrpcProxy {
  readonly address: string;
  fallSick(sickness: GrpcSickness): void;
  heal(): void;
  /** Breaks all connections. */
  cut(): void;
  /** The number of calls that got such an answer. */
  readonly refused: number;
  close(): Promise<void>;
}

/** Starts one. `onCall` gets the name of each call that arrives. */
export async function startGrpcProxy(
  targetAddress: string,
  onCall: (name: string) => void = () => undefined,
): Promise<GrpcProxy> {
  const clients = new Set<ServerHttp2Session>();
  let sickness: GrpcSickness | undefined;
  let [calls, refused] = [0, 0];
  let upstream: ClientHttp2Session | undefined;
  /** Returns the session for all calls. Makes a new one when Temporal has closed the last one. */
  const session = (): ClientHttp2Session => {
    if (upstream === undefined || upstream.closed || upstream.destroyed) {
      upstream = connect(`http://${targetAddress}`);
      upstream.on('error', () => undefined); // The calls of the session report the error.
    }
    return upstream;
  };
  const server = createServer();
  server.on('session', (client) => {
    clients.add(client);
    client.on('error', () => undefined); // The client was killed.
    client.on('close', () => clients.delete(client));
  });
  server.on('stream', (stream, headers) => {
    calls += 1;
    onCall(basename(headers[':path'] ?? ''));
    if (sickness === undefined || calls % sickness.oneOf > 0)
      return carry(stream, headers, session());
    refused += 1;
    refuse(stream, sickness);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    fallSick: (next) => {
      sickness = next;
    },
    heal: () => {
      sickness = undefined;
    },
    cut: () => {
      for (const client of clients) client.destroy();
    },
    get refused() {
      return refused;
    },
    close: async () => {
      upstream?.destroy();
      for (const client of clients) client.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function refuse(stream: ServerHttp2Stream, { status }: GrpcSickness): void {
  stream.on('error', () => undefined);
  const answer = { ':status': 200, 'content-type': 'application/grpc' };
  const trailers = { 'grpc-status': `${GRPC_STATUS[status]}`, 'grpc-message': 'sick for a test' };
  stream.respond({ ...answer, ...trailers }, { endStream: true });
}

/** Passes data and trailers in both directions. When one side ends, the other one is ended too. */
function carry(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  session: ClientHttp2Session,
): void {
  const call = session.request(headers);
  call.on('response', (answer: IncomingHttpHeaders) => {
    if (stream.destroyed) return;
    // An answer without a body has its trailers in its headers.
    const isWhole = 'grpc-status' in answer;
    stream.respond(answer, isWhole ? { endStream: true } : { waitForTrailers: true });
  });
  let trailers: IncomingHttpHeaders = {};
  call.on('trailers', (sent: IncomingHttpHeaders) => {
    trailers = sent;
  });
  stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  stream.on('error', () => call.close());
  call.on('error', () => stream.close());
  stream.on('close', () => call.close());
  stream.pipe(call);
  call.pipe(stream);
}
