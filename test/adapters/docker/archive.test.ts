import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extract, type Header } from 'tar-stream';
import { packArchive } from '../../../src/adapters/docker/archive.ts';

void test('entries keep their order, mode and bytes, belong to root, and are relative', async () => {
  const long = `/builds/${'long/'.repeat(40)}ünïcode`;
  const archive = await packArchive([
    { path: '/', type: 'directory', mode: 0o777 },
    { path: '/builds', type: 'directory', mode: 0o777 },
    { path: long, type: 'file', mode: 0o600, content: Uint8Array.of(0, 255, 10) },
    { path: '/builds/empty', type: 'file', mode: 0o644 },
  ]);
  const seen: [Header, Buffer][] = [];
  const reader = extract();
  reader.end(archive);
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    seen.push([entry.header, Buffer.concat(chunks)]);
  }
  assert.deepEqual(
    seen.map(([{ name, type, mode, uid, gid }, bytes]) => [name, type, mode, uid, gid, [...bytes]]),
    [
      ['builds', 'directory', 0o777, 0, 0, []],
      [long.slice(1), 'file', 0o600, 0, 0, [0, 255, 10]],
      ['builds/empty', 'file', 0o644, 0, 0, []],
    ],
  );
});
