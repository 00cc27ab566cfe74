import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FailureType, FinalError, TransientError } from '../../../src/domain/failure.ts';
import type { FileMember } from '../../../src/ports/index.ts';
import { file, membersOf } from '../../adapters/archives/support.ts';
import { archiveOf, createFakeFileSystem } from '../support/fake-files.ts';
import { answer, redirectTo, upload, type UploadOptions } from './support.ts';

const NO_FAULT = { kind: 'succeeded' } as const;
const FAILED = { kind: 'script_failed', exitCode: 1 } as const;
const UNANSWERED = new TransientError('connect ECONNREFUSED');

describe('artifacts', () => {
  it('are packed and sent', async () => {
    const { outcome, uploads, trace } = await upload({ artifacts: [{ name: 'result' }] });
    assert.deepEqual(outcome, NO_FAULT);
    const text = archiveOf({ 'out/a': 'made' });
    assert.deepEqual(uploads, [{ filename: 'result.zip', url: undefined, text }]);
    assert.match(trace, /Uploading artifacts\.\.\..*Uploading artifacts to coordinator\.\.\./s);
  });

  it('that match no file are no failure', async () => {
    const { outcome, uploads, trace } = await upload({ artifacts: [{ paths: ['none/'] }] });
    assert.deepEqual([outcome, uploads], [NO_FAULT, []]);
    assert.match(trace, /no matching files/);
  });

  const saved: [when: string, stage: UploadOptions['stage'] & string, isSent: boolean][] = [
    ['on_success', 'upload_artifacts_on_success', true],
    ['on_success', 'upload_artifacts_on_failure', false],
    ['on_failure', 'upload_artifacts_on_success', false],
    ['on_failure', 'upload_artifacts_on_failure', true],
    ['always', 'upload_artifacts_on_failure', true],
  ];
  for (const [when, stage, isSent] of saved) {
    it(`with when: ${when} are ${isSent ? 'sent' : 'not sent'} by ${stage}`, async () => {
      const { uploads } = await upload({ artifacts: [{ when }], stage });
      assert.equal(uploads.length, isSent ? 1 : 0);
    });
  }

  it('are not read any more when their archive cannot be made', async () => {
    let isOpen = false;
    const members = async function* (): AsyncGenerator<FileMember> {
      isOpen = true;
      try {
        yield* membersOf([file('out/a', '1'), file('out/b', '2')]);
      } finally {
        isOpen = false;
      }
    };
    let wasOpen = false;
    const pack = (): Promise<never> => {
      wasOpen = isOpen;
      return Promise.reject(new FinalError(FailureType.RunnerSystem, 'no inodes left'));
    };
    const { archives } = createFakeFileSystem();
    const { outcome } = await upload({
      ports: { archives: { ...archives, pack } },
      engine: { readFiles: () => Promise.resolve(members()) },
    });
    assert.equal(outcome.kind, 'system_failed');
    assert.deepEqual([wasOpen, isOpen], [true, false]);
  });

  it('in an unknown format fail the stage, and the other entries are still sent', async () => {
    const artifacts = [{ artifact_format: 'rar' }, { name: 'other' }];
    const { outcome, uploads, trace } = await upload({ artifacts });
    assert.deepEqual(outcome, FAILED);
    assert.deepEqual(
      uploads.map(({ filename }) => filename),
      ['other.zip'],
    );
    assert.match(trace, /unsupported archive format: "rar"/);
  });
});

describe('a packed file', () => {
  /** Uploads, and returns the files that were removed from the node. */
  async function removedBy(options: UploadOptions): Promise<readonly string[]> {
    const removed: string[] = [];
    const { archives, hostFiles } = createFakeFileSystem();
    const remove = (file: string): Promise<void> => Promise.resolve(void removed.push(file));
    const ports = { archives, ...options.ports, hostFiles: { ...hostFiles, remove } };
    await upload({ ...options, ports }).catch((error: unknown) => {
      assert.ok(error instanceof TransientError);
    });
    return removed;
  }

  it('is removed once GitLab has taken or refused it, and kept while GitLab is away', async () => {
    const artifacts = [{}, {}, {}];
    const answers = [answer('created', 201), answer('too_large', 413), UNANSWERED];
    assert.deepEqual(await removedBy({ artifacts, answers, update: UNANSWERED }), [
      '/scratch/artifact-0',
      '/scratch/artifact-1',
    ]);
  });

  it('is removed when its archive is refused', async () => {
    const refusal = new FinalError(FailureType.InvalidArchive, 'one name is there twice');
    const { archives } = createFakeFileSystem();
    const pack = (): Promise<never> => Promise.reject(refusal);
    const removed = await removedBy({ ports: { archives: { ...archives, pack } } });
    assert.deepEqual(removed, ['/scratch/artifact-0']);
  });
});

describe('an upload', () => {
  it('is repeated after a fault, and fails the stage after three tries', async () => {
    const broken = [502, 500, 502].map((status) => answer('failed', status));
    assert.deepEqual((await upload({ answers: broken.slice(0, 2) })).outcome, NO_FAULT);
    const { outcome, uploads } = await upload({ answers: broken });
    assert.deepEqual([outcome, uploads.length], [FAILED, 3]);
  });

  it('follows a redirect with the same file', async () => {
    const url = 'https://other.example.com/upload';
    const { outcome, uploads } = await upload({ answers: [redirectTo(url)] });
    assert.deepEqual(outcome, NO_FAULT);
    assert.deepEqual(
      uploads.map((sent) => sent.url),
      [undefined, url],
    );
    assert.equal(uploads[0]?.text, uploads[1]?.text);
  });

  it('that is forbidden ends the stage, because the next entry would be forbidden too', async () => {
    const artifacts = [{}, { name: 'other' }];
    const { outcome, uploads } = await upload({ artifacts, answers: [answer('forbidden', 403)] });
    assert.deepEqual([outcome, uploads.length], [FAILED, 1]);
  });

  it('that is too large fails the stage, and the other entries are still sent', async () => {
    const artifacts = [{}, { name: 'other' }];
    const { outcome, uploads } = await upload({ artifacts, answers: [answer('too_large', 413)] });
    assert.deepEqual([outcome, uploads.length], [FAILED, 2]);
  });

  it('is kept for the next call while GitLab is away', async () => {
    await assert.rejects(upload({ answers: [UNANSWERED], update: UNANSWERED }), TransientError);
  });

  it('is given up when GitLab no longer wants the job', async () => {
    const { outcome, uploads } = await upload({
      answers: [UNANSWERED],
      update: { kind: 'job_gone', status: 403 },
    });
    assert.deepEqual([outcome, uploads.length], [FAILED, 1]);
  });

  it('that GitLab has taken are not sent again when a person has the stage tried again', async () => {
    const artifacts = [{ name: 'first' }, { name: 'second' }, { name: 'third' }];
    const answers = [answer('created', 201), answer('too_large', 413)];
    const { outcome, uploads } = await upload({ artifacts, answers, tries: 3 });
    assert.deepEqual(outcome, NO_FAULT);
    assert.deepEqual(
      uploads.map(({ filename }) => filename),
      ['first.zip', 'second.zip', 'third.zip', 'second.zip'],
    );
  });
});
