import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { packArchive } from '../../../src/adapters/docker/archive.ts';

export interface FakeRegistry {
  /** `127.0.0.1:port`: Docker speaks plain http to it. */
  readonly host: string;
  /** The pulls that have begun, by repository. Docker first requests the manifest of each. */
  readonly manifestRequests: (repository: string) => number;
}

interface Stored {
  readonly type: string;
  readonly bytes: Buffer;
}

const MANIFEST_TYPE = 'application/vnd.docker.distribution.manifest.v2+json';
const CREDENTIALS = `Basic ${Buffer.from('robot:s3cret').toString('base64')}`;

/**
 * A registry of one image under several repositories, which differ in how they answer:
 * `open/*` fine · `broken/*` 500 · `reset/*` cut connections · `flaky/*` one cut connection, then
 * fine · `slow/*` only after `release` resolves · else 404. A private one wants robot:s3cret for all.
 */
export async function serveRegistry(
  t: TestContext,
  {
    release = Promise.resolve(),
    isPrivate = false,
  }: { readonly release?: Promise<void>; readonly isPrivate?: boolean } = {},
): Promise<FakeRegistry> {
  const image = await makeImage();
  const requests: string[] = [];
  const server = createServer((request, response) => {
    void answer(request, response, { image, requests, release, isPrivate });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    manifestRequests: (repository) =>
      requests.filter((path) => path.startsWith(`/v2/${repository}/manifests/`)).length,
  };
}

interface Content {
  readonly image: ReadonlyMap<string, Stored>;
  readonly requests: string[];
  readonly release: Promise<void>;
  readonly isPrivate: boolean;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { image, requests, release, isPrivate }: Content,
): Promise<void> {
  const path = request.url ?? '';
  const isNew = !requests.includes(path);
  requests.push(path);
  const kind = /^\/v2\/([a-z]+)\//.exec(path)?.[1];
  const isCut = kind === 'reset' || (kind === 'flaky' && isNew);
  if (isCut) {
    // The connection is reset, because Docker would read an orderly end as an answer without a
    // body.
    request.socket.resetAndDestroy();
    return;
  }
  if (kind === 'slow') await release;
  const isKnown = !isPrivate || request.headers.authorization === CREDENTIALS;
  const refusal = isKnown ? refusalOf(kind) : UNAUTHORIZED;
  if (refusal === undefined) sendPart(response, path, image);
  else refuse(response, refusal);
}

function sendPart(response: ServerResponse, path: string, image: Content['image']): void {
  const stored = path === '/v2/' ? PONG : image.get(path.slice(path.lastIndexOf('/') + 1));
  if (stored === undefined) refuse(response, UNKNOWN);
  else send(response, 200, stored);
}

const PONG: Stored = { type: 'application/json', bytes: Buffer.from('{}') };

type Refusal = readonly [status: number, code: string, message: string];

const UNAUTHORIZED: Refusal = [401, 'UNAUTHORIZED', 'authentication required'];
const UNKNOWN: Refusal = [404, 'MANIFEST_UNKNOWN', 'manifest unknown'];

function refusalOf(kind: string | undefined): Refusal | undefined {
  if (kind === undefined || ['open', 'flaky', 'slow'].includes(kind)) return undefined;
  if (kind === 'broken') return [500, 'UNKNOWN', 'disk of the registry is on fire'];
  return UNKNOWN;
}

function refuse(response: ServerResponse, [status, code, message]: Refusal): void {
  if (status === 401) response.setHeader('www-authenticate', 'Basic realm="test"');
  const bytes = Buffer.from(JSON.stringify({ errors: [{ code, message }] }));
  send(response, status, { type: 'application/json', bytes });
}

function send(response: ServerResponse, status: number, { type, bytes }: Stored): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.length,
    'docker-content-digest': digest(bytes),
    'docker-distribution-api-version': 'registry/2.0',
  });
  response.end(response.req.method === 'HEAD' ? undefined : bytes);
}

/**
 * Makes an image of one layer with one file. Returns all its parts by digest and its manifest by
 * tag.
 */
async function makeImage(): Promise<ReadonlyMap<string, Stored>> {
  const content = Buffer.from(`made at ${Date.now()}`);
  const layer = await packArchive([{ path: 'made', type: 'file', mode: 0o644, content }]);
  const compressed = gzipSync(layer);
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      config: { User: '1000', ExposedPorts: { '5432/tcp': {}, '53/udp': {} }, Cmd: ['/made'] },
      rootfs: { type: 'layers', diff_ids: [digest(layer)] },
    }),
  );
  const part = (mediaType: string, bytes: Buffer): object => ({
    mediaType,
    size: bytes.length,
    digest: digest(bytes),
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST_TYPE,
      config: part('application/vnd.docker.container.image.v1+json', config),
      layers: [part('application/vnd.docker.image.rootfs.diff.tar.gzip', compressed)],
    }),
  );
  const blob = (bytes: Buffer): Stored => ({ type: 'application/octet-stream', bytes });
  return new Map([
    ['latest', { type: MANIFEST_TYPE, bytes: manifest }],
    [digest(manifest), { type: MANIFEST_TYPE, bytes: manifest }],
    [digest(config), blob(config)],
    [digest(compressed), blob(compressed)],
  ]);
}

function digest(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
