import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Cipher } from '../../../src/adapters/state/cipher.ts';
import { createEncryptedJobs } from '../../../src/adapters/state/encrypted-jobs.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { loadCipher } from '../../support/cipher.ts';

describe('a job that its workflow carries along', () => {
  let directory: string;
  let cipher: Cipher;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tgr-sealed-'));
    cipher = await loadCipher(join(directory, 'keys.json'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it('is unchanged for a node with the key', () => {
    const context = contextOf();
    const jobs = createEncryptedJobs(cipher);
    const sealed = jobs.encrypt(context);
    assert.equal(sealed?.isWhole, true);
    assert.deepEqual(jobs.decrypt(sealed.sealedJob), JSON.parse(JSON.stringify(context)));
  });

  it('leaves the terminal of the build on its node', () => {
    const session = { id: 'a'.repeat(64), token: 'b'.repeat(64) };
    const jobs = createEncryptedJobs(cipher);
    const sealed = jobs.encrypt({ ...contextOf(), session })?.sealedJob ?? '';
    assert.equal(jobs.decrypt(sealed).session, undefined);
  });

  it('shows nothing to anybody without the key', () => {
    const { job, runner } = contextOf();
    const sealed = createEncryptedJobs(cipher).encrypt(contextOf())?.sealedJob ?? '';
    const bytes = Buffer.from(sealed.split('.')[1] ?? '', 'base64');
    for (const secret of [job.token, runner.token, 'make']) {
      assert.equal(sealed.includes(secret), false);
      assert.equal(bytes.includes(secret), false);
    }
  });

  it('cannot be opened with another key, nor when a byte of it was changed', async () => {
    const sealed = createEncryptedJobs(cipher).encrypt(contextOf())?.sealedJob ?? '';
    const other = createEncryptedJobs(await loadCipher(join(directory, 'other.json')));
    assert.throws(() => other.decrypt(sealed), /which is not in/);
    const last = sealed.at(-5) === 'A' ? 'B' : 'A';
    const forged = sealed.slice(0, -5) + last + sealed.slice(-4);
    assert.throws(() => createEncryptedJobs(cipher).decrypt(forged), /does not open/);
  });

  it('is carried as a whole when it is large but compresses well', () => {
    const script = Array.from({ length: 5_000 }, () => 'echo the same line of a long script');
    const context = contextOf({ job: { steps: [{ name: 'script', script }] } });
    assert.equal(createEncryptedJobs(cipher).encrypt(context)?.isWhole, true);
  });

  it('is reduced to what GitLab must be told when it is too large', () => {
    const value = randomBytes(300_000).toString('hex');
    const context = contextOf({ job: { variables: [{ key: 'NOISE', value }] } });
    const jobs = createEncryptedJobs(cipher);
    const sealed = jobs.encrypt(context);
    assert.equal(sealed?.isWhole, false);
    const opened = jobs.decrypt(sealed.sealedJob);
    assert.ok(sealed.sealedJob.length < 10_000);
    assert.deepEqual(
      [opened.buildId, opened.job.id, opened.job.token, opened.runner.url, opened.job.variables],
      [context.buildId, context.job.id, context.job.token, context.runner.url, []],
    );
  });
});
