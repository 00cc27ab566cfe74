import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { openCodec } from '../../../src/worker/codec/open-codec.ts';
import { createClosers } from '../../../src/worker/machine/closers.ts';
import { loadCipher } from '../../support/cipher.ts';
import { recordingLog } from '../../support/recording-log.ts';

const TOKEN = '0123456789abcdef0123456789abcdef';

it('the endpoint of a codec server at an address of IPv6 is a URL', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'open-codec-'));
  const closers = createClosers();
  t.after(async () => {
    await closers.close();
    await rm(directory, { recursive: true });
  });
  const tokenFile = join(directory, 'token');
  await writeFile(tokenFile, TOKEN);
  const { endpoint = '' } = await openCodec(
    {
      env: {
        // This machine, by an address that needs no network of IPv6.
        TEMPORAL_GITLAB_RUNNER_CODEC_ADDRESS: '[::ffff:127.0.0.1]:0',
        TEMPORAL_GITLAB_RUNNER_CODEC_TOKEN_FILE: tokenFile,
      },
      cipher: await loadCipher(join(directory, 'payload.json')),
      log: recordingLog().log,
      endpointFile: join(directory, 'codec-endpoint'),
    },
    closers,
  );
  const { hostname, pathname } = new URL(endpoint);
  assert.deepEqual([hostname, pathname], ['[::ffff:7f00:1]', `/${TOKEN}`]);
});
