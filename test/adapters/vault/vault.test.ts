import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createVaultStore, type VaultOptions } from '../../../src/adapters/vault/vault.ts';
import type { VaultRequest } from '../../../src/domain/secrets/plan-secrets.ts';
import { takeBody } from '../../support/take-body.ts';
import { collectGarbage } from '../../support/collect-garbage.ts';
import { recordingLog } from '../../support/recording-log.ts';

const JWT = 'canary-of-an-id-token';
const TOKEN = 'canary-of-a-vault-token';

async function open(t: TestContext, answer: RequestListener): Promise<VaultRequest> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    namespace: '',
    auth: { method: 'jwt', path: 'jwt', data: { jwt: JWT, role: 'builder' } },
    engine: { name: 'kv-v2', path: 'secret' },
    path: 'ci/db',
    field: 'password',
  };
}

function read(
  wanted: VaultRequest,
  signal = new AbortController().signal,
  options: Pick<VaultOptions, 'callLimitMs'> = {},
) {
  const { log } = recordingLog();
  const store = createVaultStore({ env: {}, log, roots: () => Promise.resolve([]), ...options });
  return store.readSecret(wanted, { signal, trustedFiles: [] });
}

const isWithoutSecrets = (error: Error): boolean => {
  assert.doesNotMatch(error.message, /canary/);
  assert.match(error.message, /said \[MASKED\]/);
  return true;
};

describe('faults of a Vault', () => {
  it('do not show the id token, although the answer quotes it', async (t) => {
    const wanted = await open(t, (request, response) => {
      takeBody(request, (body) => {
        const { jwt } = JSON.parse(body.toString()) as { jwt: string };
        response.writeHead(400).end(JSON.stringify({ errors: [`you said ${jwt}`] }));
      });
    });
    await assert.rejects(read(wanted), isWithoutSecrets);
  });

  it('do not show the token of the login, although the answer quotes it', async (t) => {
    const wanted = await open(t, (request, response) => {
      if (request.method === 'PUT') {
        response.end(JSON.stringify({ auth: { client_token: TOKEN } }));
      } else {
        const said = String(request.headers['x-vault-token']);
        response.writeHead(403).end(JSON.stringify({ errors: [`you said ${said}`] }));
      }
    });
    await assert.rejects(read(wanted), isWithoutSecrets);
  });

  it('include an answer without an end', async (t) => {
    const wanted = await open(t, (_, response) => {
      const chunk = Buffer.alloc(64 * 1024, 'x');
      const more = (): void => {
        while (response.write(chunk));
      };
      response.on('drain', more);
      more();
    });
    await assert.rejects(read(wanted), /the answer of the Vault is too large/);
  });

  it('a Vault that does not answer is abandoned when the job is stopped', async (t) => {
    const stop = new AbortController();
    const wanted = await open(t, () => stop.abort(new Error('stopped')));
    await assert.rejects(read(wanted, stop.signal), /stopped/);
  });

  for (const [what, begin] of [
    ['does not answer', ''],
    ['does not end its answer', '{"auth":'],
  ] as const) {
    it(`a Vault that ${what} is asked again after a time, whatever is collected meanwhile`, async (t) => {
      const stop = new AbortController();
      let calls = 0;
      const wanted = await open(t, (_, response) => {
        calls += 1;
        if (calls === 2) stop.abort(new Error('asked again'));
        if (begin !== '') response.write(begin);
        setImmediate(collectGarbage);
      });
      const late = setTimeout(() => stop.abort(new Error('too late')), 10_000);
      t.after(() => clearTimeout(late));
      await assert.rejects(read(wanted, stop.signal, { callLimitMs: 500 }), /asked again/);
    });
  }

  it('a redirect is not followed', async (t) => {
    let calls = 0;
    const wanted = await open(t, (_, response) => {
      calls += 1;
      response.writeHead(307, { Location: '/elsewhere' }).end();
    });
    await assert.rejects(read(wanted), /status code 307/);
    assert.equal(calls, 1);
  });
});
