import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { createConfigSource } from '../../../src/adapters/config/config-file.ts';
import { recordingLog } from '../../support/recording-log.ts';

describe('[session_server]', () => {
  it('defines a session server when it has an address to listen at', async (t) => {
    const path = join(await mkdtemp(join(tmpdir(), 'tgr-session-config-')), 'config.toml');
    t.after(() => rm(dirname(path), { recursive: true, force: true }));
    const { log, warnings } = recordingLog();
    const source = createConfigSource({ path, env: {}, log });
    const write = (text: string): Promise<void> => writeFile(path, text, { mode: 0o600 });
    await write(`
[session_server]
  listen_address = "[::]:8093"
  Advertise_Address = "runner.example.com:8093"
  session_timeout = 60
`);
    assert.deepEqual((await source.load()).sessionServer, {
      listenAddress: '[::]:8093',
      advertiseAddress: 'runner.example.com:8093',
      timeoutSeconds: 60,
    });
    await write('[session_server]\n  listen_address = ":1"\n  session_timeout = 0\n');
    assert.equal((await source.load()).sessionServer?.timeoutSeconds, 1800);
    await write('[session_server]\n  session_timeout = 60\n');
    assert.equal((await source.load()).sessionServer, undefined);
    assert.deepEqual(warnings, []);
    await write('[session_server]\n  listen_address = 8093\n');
    await assert.rejects(source.load(), /session_server\.listen_address/);
  });
});
