import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * Returns the path of the S3 server that `npm test` has set up, or undefined when there is none.
 */
function s3Program(): string | undefined {
  return process.env['TGR_TEST_S3_SERVER'] || undefined;
}

/** Returns why tests with a real S3 server are skipped, or false when there is a server. */
export function s3Skip(): string | false {
  return s3Program() === undefined
    ? 'no S3 server: run these tests by `npm test`, which gets one where it can'
    : false;
}

/** Answers instead of the server, or disturbs the server's answer. */
export type Interference = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

/** Where a cache is, and who may use it. */
export interface S3Access {
  /** `host:port`, the value of ServerAddress. */
  readonly address: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string;
  readonly bucket: string;
  readonly hasTls: boolean;
}

/** A real S3 server with one bucket. It is behind a proxy with which a test may disturb it. */
export interface S3Server extends S3Access {
  /** Returns the path of an object on this machine. */
  readonly pathOf: (object: string) => string;
  readonly objects: () => Promise<readonly string[]>;
  /** The method and path of each request, without the query. */
  readonly calls: string[];
  /**
   * This function is called for each request. It returns true when it answers the request itself.
   */
  interfere: Interference;
  readonly close: () => Promise<void>;
}

export interface S3ServerOptions {
  /** An address of this machine that is not the loopback. */
  readonly host?: string;
  /** Without a certificate the server speaks HTTP. */
  readonly tls?: { readonly certPem: string; readonly keyPem: string };
}

export async function openS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const { host, tls } = options;
  const program = s3Program();
  if (program === undefined) throw new Error('there is no S3 server');
  const directory = await mkdtemp(join(tmpdir(), 'tgr-s3-'));
  const bucket = 'caches';
  await mkdir(join(directory, 'data', bucket), { recursive: true });
  await mkdir(join(directory, 'meta'));
  const [accessKey, secretKey] = ['test-access-key', `canary-${randomBytes(12).toString('hex')}`];
  const port = await freePort();
  const args = [
    ...['--quiet', '--port', `127.0.0.1:${port}`, '--access', accessKey, '--secret', secretKey],
    ...['posix', '--sidecar', join(directory, 'meta'), join(directory, 'data')],
  ];
  const child = spawn(program, args, { stdio: 'ignore' });
  await whenListening(port, child);
  const calls: string[] = [];
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    calls.push(`${incoming.method} ${incoming.url?.replace(/\?.*/, '')}`);
    if (!server.interfere(incoming, outgoing)) pass(incoming, outgoing, port);
  };
  const door =
    tls === undefined
      ? createServer(answer)
      : createHttpsServer({ cert: tls.certPem, key: tls.keyPem }, answer);
  await new Promise<void>((resolve) =>
    door.listen(0, host === undefined ? '127.0.0.1' : '0.0.0.0', resolve),
  );
  const pathOf = (object: string): string => join(directory, 'data', bucket, object);
  const server: S3Server = {
    address: `${host ?? '127.0.0.1'}:${(door.address() as AddressInfo).port}`,
    ...{ accessKey, secretKey, bucket, pathOf, calls, hasTls: tls !== undefined },
    interfere: () => false,
    objects: async () => {
      const entries = await readdir(pathOf(''), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map(({ parentPath, name }) => join(parentPath, name).slice(pathOf('').length + 1))
        .sort();
    },
    close: async () => {
      door.closeAllConnections();
      door.close();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
  return server;
}

/** Passes a request on, with the host for which it was signed. */
function pass(incoming: IncomingMessage, outgoing: ServerResponse, port: number): void {
  const { method, url, headers } = incoming;
  const options = { host: '127.0.0.1', port, method, path: url, headers };
  const inner = request(options, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  inner.on('error', () => outgoing.destroy());
  incoming.on('error', () => inner.destroy());
  incoming.pipe(inner);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function whenListening(port: number, child: ChildProcess): Promise<void> {
  const untilMs = Date.now() + 30_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the S3 server ended with ${child.exitCode}`);
    if (await answers(port)) return;
    if (Date.now() > untilMs) throw new Error('the S3 server does not answer');
    await delay(50);
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

/** Returns the lines of `[runners.cache]` for this server. */
export function s3CacheToml(
  server: S3Access,
  options: { readonly isShared?: boolean; readonly maxBytes?: number } = {},
): string {
  return `
  [runners.cache]
    Type = "s3"
    Path = "prefix"
    Shared = ${options.isShared ?? false}
    MaxUploadedArchiveSize = ${options.maxBytes ?? 0}
  [runners.cache.s3]
    ServerAddress = "${server.address}"
    AccessKey = "${server.accessKey}"
    SecretKey = "${server.secretKey}"
    SessionToken = "${server.sessionToken ?? ''}"
    BucketName = "${server.bucket}"
    BucketLocation = "us-east-1"
    Insecure = ${!server.hasTls}
`;
}
