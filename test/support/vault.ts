import { spawn } from 'node:child_process';
import { createSign, generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { endProcess } from './child-process.ts';
import { openFakeVault } from './fake-vault.ts';
import { ROLE, type Believed, type TestVault } from './test-vault.ts';

export type { TestVault } from './test-vault.ts';

export async function openVault(): Promise<TestVault> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const program = process.env['TGR_TEST_BAO'] ?? '';
  const believed = { publicKeyPem: publicKey };
  const server = program === '' ? await openFakeVault(believed) : await openBao(program, believed);
  return { ...server, idToken: (claims = {}) => signToken(claims, privateKey) };
}

function signToken(claims: Readonly<Record<string, unknown>>, privateKey: string): string {
  const now = Math.floor(Date.now() / 1000);
  const body = {
    ...{ iss: 'https://gitlab.test', sub: 'project_path:group/project', aud: ROLE.audience },
    ...{ project_path: ROLE.claim, iat: now, nbf: now - 5, exp: now + 3_600, ...claims },
  };
  const parts = [{ alg: 'RS256', typ: 'JWT' }, body].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  const signature = createSign('RSA-SHA256').update(parts.join('.')).sign(privateKey, 'base64url');
  return [...parts, signature].join('.');
}

const ROOT_TOKEN = 'root-of-the-test';

async function openBao(program: string, believed: Believed): Promise<Omit<TestVault, 'idToken'>> {
  const port = await freePort();
  const args = [`-dev-root-token-id=${ROOT_TOKEN}`, `-dev-listen-address=127.0.0.1:${port}`];
  const child = spawn(program, ['server', '-dev', '-dev-no-store-token', ...args], {
    stdio: 'ignore',
  });
  const url = `http://127.0.0.1:${port}`;
  const call = async (path: string, body: unknown): Promise<void> => {
    const reply = await fetch(`${url}/v1/${path}`, {
      method: 'POST',
      headers: { 'X-Vault-Token': ROOT_TOKEN },
      body: JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(`OpenBao: ${path}: ${reply.status} ${await reply.text()}`);
  };
  await whenUp(url);
  await setUp(call, believed);
  return {
    url,
    kind: 'OpenBao',
    put: (engine, path, data) =>
      engine === 'secret' ? call(`secret/data/${path}`, { data }) : call(`kv1/${path}`, data),
    close: () => endProcess(child, 'SIGKILL'),
  };
}

async function setUp(
  call: (path: string, body: unknown) => Promise<void>,
  { publicKeyPem }: Believed,
): Promise<void> {
  await call('sys/auth/jwt', { type: 'jwt' });
  await call('auth/jwt/config', { jwt_validation_pubkeys: [publicKeyPem] });
  const rule = (path: string): string => `path "${path}" { capabilities = ["read"] }`;
  await call('sys/policies/acl/ci', { policy: `${rule('secret/data/ci/*')}\n${rule('kv1/ci/*')}` });
  await call(`auth/jwt/role/${ROLE.name}`, {
    ...{ role_type: 'jwt', user_claim: 'sub', policies: ['ci'] },
    ...{ bound_audiences: [ROLE.audience], bound_claims: { project_path: ROLE.claim } },
  });
  await call('sys/mounts/kv1', { type: 'kv', options: { version: '1' } });
}

async function whenUp(url: string): Promise<void> {
  const endMs = Date.now() + 60_000;
  for (;;) {
    const reply = await fetch(`${url}/v1/sys/health`).catch(() => undefined);
    if (reply?.ok === true) return;
    if (Date.now() > endMs) throw new Error('OpenBao does not come up');
    await delay(100);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
