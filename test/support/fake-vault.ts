import { createVerify, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { ROLE, type Believed, type TestVault } from './test-vault.ts';

interface Reply {
  readonly status: number;
  readonly body: unknown;
}

/** Opens a server that answers a runner's calls as OpenBao does, with the same refusals. */
export async function openFakeVault({
  publicKeyPem,
}: Believed): Promise<Omit<TestVault, 'idToken'>> {
  const secrets = new Map<string, unknown>();
  const tokens = new Set<string>();
  const answer = async (request: IncomingMessage): Promise<Reply> => {
    const { method, url = '', headers } = request;
    if (headers['x-vault-request'] !== 'true') return refuse(400, 'missing X-Vault-Request');
    if (headers['x-vault-namespace'] !== undefined) return refuse(404, 'no handler for route');
    if (url === '/v1/auth/jwt/login' && method === 'PUT') {
      const problem = problemOf(JSON.parse(await text(request)) as Login, publicKeyPem);
      if (problem !== undefined) return refuse(400, problem);
      const token = randomBytes(12).toString('hex');
      tokens.add(token);
      return { status: 200, body: { auth: { client_token: token } } };
    }
    if (!tokens.has(String(headers['x-vault-token']))) return refuse(403, 'permission denied');
    if (method !== 'GET' || !/^\/v1\/(?:secret\/data|kv1)\/ci\//.test(url)) {
      return refuse(403, 'permission denied');
    }
    const data = secrets.get(url);
    return data === undefined
      ? { status: 404, body: { errors: [] } }
      : { status: 200, body: { data } };
  };
  const server = createServer((request, response) => {
    answer(request).then(
      (reply) => send(response, reply),
      // The client may have left. Another fault shows by the missing answer.
      () => response.destroy(),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    kind: 'fake',
    put: (engine, path, data) => {
      if (engine === 'secret')
        secrets.set(`/v1/secret/data/${path}`, { data, metadata: { version: 1 } });
      else secrets.set(`/v1/kv1/${path}`, data);
      return Promise.resolve();
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

interface Login {
  readonly jwt?: string;
  readonly role?: string;
}

function problemOf({ jwt = '', role }: Login, publicKeyPem: string): string | undefined {
  if (role !== ROLE.name) return `role "${role}" could not be found`;
  const [head = '', body = '', signature = ''] = jwt.split('.');
  const isSigned = createVerify('RSA-SHA256')
    .update(`${head}.${body}`)
    .verify(publicKeyPem, signature, 'base64url');
  if (!isSigned) return 'error validating token';
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Record<string, unknown>;
  if (claims['aud'] !== ROLE.audience)
    return 'error validating token: invalid audience (aud) claim';
  return claims['project_path'] === ROLE.claim ? undefined : 'error validating claims';
}

function refuse(status: number, message: string): Reply {
  return { status, body: { errors: [message] } };
}

function send(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
