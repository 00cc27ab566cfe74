import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createArchives } from '../../src/adapters/archives.ts';
import type { FileMember } from '../../src/activities/ports.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { makeZip } from '../support/make-zip.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

const MIB = 1024 ** 2;
const SIZE_BYTES = 1024 * MIB;
const MAX_GROWTH_BYTES = 150 * MIB;

describe('artifacts of earlier jobs, over a crash and of any size', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({ concurrent: 1 });
    await installation.start();
  });
  after(async () => {
    try {
      await installation.whenClean();
      assert.deepEqual(installation.gitlab.violations, []);
    } finally {
      await installation.close();
    }
  });

  it('go on after kill -9 in the middle with the one that was not done', async () => {
    const { gitlab } = installation;
    let letGo: () => void = () => undefined;
    const hold = new Promise<void>((resolve) => (letGo = resolve));
    const job = gitlab.addJob({
      variables: [NO_GIT],
      dependencies: [
        { name: 'first', archive: makeZip([{ name: 'one', content: 'first\n' }]) },
        {
          ...{ name: 'second', archive: makeZip([{ name: 'two', content: 'second\n' }]) },
          answers: [{ hold }],
        },
      ],
      script: ['cat one two'],
    });
    await job.whenLog(/Downloading artifacts for second/);
    await installation.runner.end('SIGKILL');
    letGo();
    await installation.start();
    await job.whenFinished(120_000);
    assertJob(job, { state: 'success', log: ['for first', 'for second', /^first$/m, /^second$/m] });
    assert.equal(job.log.match(/for first|for second/g)?.length, 2, job.log);
    const asked = gitlab.requests.filter(({ path }) => path.includes('/artifacts'));
    assert.equal(asked.length, 3, 'the first once, the second once more');
  });

  it('of 1 GiB take no more memory than small ones', { timeout: 600_000 }, async () => {
    const file = join(installation.directory, 'large.zip');
    const order = {
      file,
      format: 'zip',
      level: 'fast',
      signal: new AbortController().signal,
    } as const;
    await createArchives().pack(order, large());
    const { pid } = installation.runner;
    const before = await memoryOf(pid, 'VmRSS');
    const job = installation.gitlab.addJob({
      variables: [NO_GIT],
      dependencies: [{ name: 'large', archive: file, isInObjectStorage: true }],
      script: ['stat -c %s large.bin', 'tail -c 3 large.bin', 'rm large.bin'],
    });
    await job.whenFinished(500_000);
    assertJob(job, { state: 'success', log: ['... ok', String(SIZE_BYTES), 'end'] });
    const growth = (await memoryOf(pid, 'VmHWM')) - before;
    assert.ok(growth < MAX_GROWTH_BYTES, `memory grew by ${Math.round(growth / MIB)} MiB`);
  });
});

/** A file that packs well, though not as well as zeros: some ten times. */
async function* large(): AsyncGenerator<FileMember, void, void> {
  yield {
    ...{ path: 'large.bin', kind: 'file', mode: 0o644, uid: 0, gid: 0, linkTarget: '' },
    ...{ modifiedMs: 0, sizeBytes: SIZE_BYTES, content: contentOfLarge() },
  };
  await Promise.resolve();
}

async function* contentOfLarge(): AsyncGenerator<Uint8Array, void, void> {
  const noise = randomBytes(MIB / 16);
  const chunk = Buffer.concat([noise, Buffer.alloc(MIB - noise.byteLength)]);
  for (let index = 1; index < SIZE_BYTES / MIB; index += 1) yield chunk;
  await Promise.resolve();
  const last = Buffer.from(chunk);
  last.write('end', last.byteLength - 3);
  yield last;
}

/** In bytes, as the kernel has it: now, or at its highest so far. */
async function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
}
