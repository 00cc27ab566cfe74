import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readCodecSettings } from '../../../src/worker/codec/codec-settings.ts';

const PREFIX = 'TEMPORAL_GITLAB_RUNNER_CODEC_';
const TOKEN = '0123456789abcdef0123456789abcdef';

describe('the settings of the codec server', () => {
  let directory: string;
  let tokenFile: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'codec-settings-'));
    tokenFile = join(directory, 'token');
    await writeFile(tokenFile, `${TOKEN}\n`);
    await writeFile(join(directory, 'weak'), 'canary!');
  });
  after(() => rm(directory, { recursive: true }));

  const read = (words: Readonly<Record<string, string>>) =>
    readCodecSettings(
      Object.fromEntries(Object.entries(words).map(([name, text]) => [PREFIX + name, text])),
    );

  it('leave the choice to the node when nothing is set', async () => {
    assert.deepEqual(await read({ ADDRESS: '' }), {
      ...{ address: undefined, token: undefined, oidc: undefined, origins: [], hosts: [] },
    });
    assert.equal((await read({ ADDRESS: 'off' })).address, 'off');
  });

  it('consist of an address, a token in a file, origins of UIs and names of the server', async () => {
    const settings = await read({
      ...{ ADDRESS: '0.0.0.0:8081', TOKEN_FILE: tokenFile },
      ...{ ORIGINS: 'https://a.example, http://b:8080', HOSTS: 'Codec.example.com' },
    });
    assert.deepEqual(settings, {
      ...{ address: { host: '0.0.0.0', port: 8081 }, token: TOKEN, oidc: undefined },
      ...{ origins: ['https://a.example', 'http://b:8080'], hosts: ['codec.example.com'] },
    });
  });

  it('are the login whose tokens count, in place of a token or beside it', async () => {
    const login = { OIDC_ISSUER: 'https://gitlab.example.com', OIDC_AUDIENCE: 'ui, cli' };
    const oidc = { issuer: 'https://gitlab.example.com', audiences: ['ui', 'cli'] };
    const alone = await read({ ADDRESS: '127.0.0.1:1', ...login });
    assert.equal(alone.token, undefined);
    assert.deepEqual(alone.oidc, { ...oidc, claim: undefined });
    const words = { ...login, TOKEN_FILE: tokenFile, OIDC_CLAIM: 'groups_direct=a=b' };
    const both = await read({ ADDRESS: '127.0.0.1:1', ...words });
    assert.equal(both.token, TOKEN);
    assert.deepEqual(both.oidc, { ...oidc, claim: { name: 'groups_direct', value: 'a=b' } });
  });

  const wrong: [words: Readonly<Record<string, string>>, message: RegExp][] = [
    [{ ADDRESS: '8081' }, /CODEC_ADDRESS is "8081": expected host:port/],
    [{ ADDRESS: '127.0.0.1:99999' }, /CODEC_ADDRESS is .*: expected host:port/],
    [{ ADDRESS: '127.0.0.1:1' }, /CODEC_ADDRESS is set without .*CODEC_TOKEN_FILE.*OIDC_ISSUER/],
    [{ OIDC_AUDIENCE: 'ui' }, /CODEC_OIDC_ISSUER is "": expected the https address/],
    [
      { OIDC_ISSUER: 'http://gitlab.example.com', OIDC_AUDIENCE: 'ui' },
      /CODEC_OIDC_ISSUER is "http:.*": expected the https address/,
    ],
    [
      { OIDC_ISSUER: 'https://a.example' },
      /CODEC_OIDC_AUDIENCE is "": expected the UI's client id/,
    ],
    [
      { OIDC_ISSUER: 'https://a.example', OIDC_AUDIENCE: 'ui', OIDC_CLAIM: 'ops' },
      /CODEC_OIDC_CLAIM is "ops": expected claim=value/,
    ],
    [
      { ADDRESS: '127.0.0.1:1', TOKEN_FILE: '/none' },
      /CODEC_TOKEN_FILE is "\/none": expected a file/,
    ],
    [{ ORIGINS: '*' }, /CODEC_ORIGINS is "\*": expected origins/],
    [{ ORIGINS: 'https://a.example/' }, /CODEC_ORIGINS is "https:\/\/a\.example\/"/],
  ];
  for (const [words, message] of wrong) {
    it(`refuse ${JSON.stringify(words)}`, async () => {
      await assert.rejects(read(words), message);
    });
  }

  it('refuse a weak token without showing it', async () => {
    const words = { ADDRESS: '127.0.0.1:1', TOKEN_FILE: join(directory, 'weak') };
    await assert.rejects(read(words), (error: Error) => !error.message.includes('canary'));
  });
});
