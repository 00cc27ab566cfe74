import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createArchives } from '../../src/adapters/archives/archives.ts';
import type { FileMember } from '../../src/ports/index.ts';
import type { FakeJob, JobSpec } from '../support/fake-gitlab/types.ts';
import { finish, openInstallation, type Installation } from '../support/installation.ts';
import { makeZip } from '../support/make-zip.ts';
import { memoryOf } from '../support/process-memory.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';
import { gate } from '../support/gate.ts';

const MIB = 1024 ** 2;
/** This is one more than the largest signed number of 32 bits. */
const SIZE_BYTES = 2 * 1024 * MIB;
/** One minute on a machine that does nothing else, and nine on a slow one beside other tests. */
const LIMIT_MS = 20 * 60_000;
const MAX_GROWTH_BYTES = 150 * MIB;
/**
 * Written to clear_refs, this makes Linux forget the highest use of memory so far. Source: proc(5),
 * clear_refs.
 */
const RESET_HIGHEST = '5';
const ARCHIVE = { paths: ['big'], artifact_type: 'archive', artifact_format: 'zip' };

describe('artifacts after a crash and of any size', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({ concurrent: 1 });
    await installation.start();
  });
  after(() => finish(installation));

  it('of earlier jobs continue after kill -9 with the archive that was not complete', async () => {
    const { gitlab } = installation;
    const { opened: hold, open: letGo } = gate();
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

  it('of 2 GiB are uploaded in no more memory than small ones', { timeout: LIMIT_MS }, async () => {
    const growth = await growthDuring(installation, {
      variables: [NO_GIT, { key: 'ARTIFACT_COMPRESSION_LEVEL', value: 'fastest' }],
      script: [`head -c ${SIZE_BYTES} /dev/zero > big`],
      payload: { artifacts: [ARCHIVE] },
    });
    const artifact = growth.job.artifacts[0];
    assert.ok((artifact?.sizeBytes ?? 0) > SIZE_BYTES, 'stored, not deflated');
    assertSmall(growth);
  });

  it(
    'of 2 GiB are downloaded in no more memory than small ones',
    { timeout: LIMIT_MS },
    async () => {
      const file = join(installation.directory, 'large.zip');
      const { signal } = new AbortController();
      await createArchives().pack({ file, format: 'zip', level: 'fast', signal }, large());
      const growth = await growthDuring(installation, {
        variables: [NO_GIT],
        dependencies: [{ name: 'large', archive: file, isInObjectStorage: true }],
        script: ['stat -c %s large.bin', 'tail -c 3 large.bin', 'rm large.bin'],
      });
      assertJob(growth.job, { state: 'success', log: ['... ok', String(SIZE_BYTES), 'end'] });
      assertSmall(growth);
    },
  );
});

interface Growth {
  readonly job: FakeJob;
  readonly bytes: number;
}

/** Returns the largest growth of the worker's memory while the job ran. */
async function growthDuring(installation: Installation, spec: JobSpec): Promise<Growth> {
  const { pid } = installation.runner;
  const warming = installation.gitlab.addJob({ variables: [NO_GIT], script: ['true'] });
  await warming.whenFinished();
  await writeFile(`/proc/${pid}/clear_refs`, RESET_HIGHEST);
  const before = await memoryOf(pid, 'VmRSS');
  const job = installation.gitlab.addJob(spec);
  await job.whenFinished(LIMIT_MS);
  assertJob(job, { state: 'success' });
  return { job, bytes: (await memoryOf(pid, 'VmHWM')) - before };
}

function assertSmall({ bytes }: Growth): void {
  assert.ok(bytes < MAX_GROWTH_BYTES, `memory grew by ${Math.round(bytes / MIB)} MiB`);
}

/** Yields a file that compresses to a tenth of its size. Zeros would compress much more. */
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
