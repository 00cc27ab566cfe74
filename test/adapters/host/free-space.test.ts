import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { Agent } from 'undici';
import { createTransfer } from '../../../src/adapters/cache-stores/transfer.ts';
import { startServer, type ScriptedServer } from '../gitlab/support/server.ts';
import { JOB, openCoordinator } from '../gitlab/support/subjects.ts';

const MIB = 1024 * 1024;
const DISK_MIB = 40;
const skip = process.getuid?.() === 0 ? false : 'mounting a small disk needs root';

/** Sends zeros until it has sent all, or until nobody takes them any more. */
function sendZeros(response: ServerResponse, sizeBytes: number): void {
  const zeros = Buffer.alloc(MIB);
  let leftBytes = sizeBytes;
  const send = (): void => {
    while (leftBytes > 0 && !response.destroyed) {
      leftBytes -= MIB;
      if (!response.write(zeros)) return void response.once('drain', send);
    }
    response.end();
  };
  send();
}

const CASES: readonly [sizeBytes: number, saidBytes: number, fits: boolean, why: string][] = [
  [30 * MIB, 30 * MIB, true, 'there is room'],
  [39 * MIB, 39 * MIB, false, 'what the other builds need for their logs is left to them'],
  [MIB, 1024 ** 5, false, 'what is said to be a petabyte is not even begun'],
  [200 * MIB, 0, false, 'how large it is shows only while it comes'],
];

describe('a download to a disk of 40 MiB', { skip }, () => {
  let directory: string;
  let file: string;
  let server: ScriptedServer;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-room-'));
    file = join(directory, 'download');
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', directory]);
  });
  after(async () => {
    execFileSync('umount', [directory]);
    await rm(directory, { recursive: true });
  });
  beforeEach(async () => {
    server = await startServer();
  });
  afterEach(() => server.close());

  const { signal } = new AbortController();
  const sources: readonly (readonly [what: string, download: () => Promise<unknown>])[] = [
    [
      'a cache',
      () => {
        const order = { file, localModifiedMs: undefined, timeoutMs: 60_000, signal };
        return createTransfer(() => Promise.resolve(new Agent())).download(
          { url: server.url, headers: {} },
          order,
        );
      },
    ],
    [
      'artifacts',
      async () => {
        const coordinator = openCoordinator(server.url);
        try {
          return await coordinator.downloadArtifact(JOB, { file, isDirect: true, signal });
        } finally {
          await coordinator.close();
        }
      },
    ],
  ];
  for (const [what, download] of sources) {
    for (const [sizeBytes, saidBytes, fits, why] of CASES) {
      const verdict = fits ? 'taken' : 'refused';
      it(`of ${what}, ${sizeBytes} bytes with a declared size of ${saidBytes}, is ${verdict}: ${why}`, async () => {
        server.answer((response) => {
          response.writeHead(200, saidBytes === 0 ? {} : { 'content-length': `${saidBytes}` });
          sendZeros(response, sizeBytes);
        });
        if (fits) {
          await download();
          assert.equal((await stat(file)).size, sizeBytes);
          return rm(file);
        }
        const fault = { type: 'RunnerSystem', message: /disk.*(full|no room)/ };
        await assert.rejects(download(), fault);
        assert.deepEqual(await readdir(directory), [], 'nothing of it is left');
      });
    }
  }
});
