import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StageOutcome } from '../../../src/domain/context/outcome.ts';
import { TransientError } from '../../../src/domain/failure.ts';
import type { ArtifactReply, ArtifactUpload, UpdateReply } from '../../../src/ports/index.ts';
import { contextOf } from '../../domain/job/context-fixture.ts';
import { runActivity } from '../support/drive.ts';
import { archiveOf, createFakeFileSystem } from '../support/fake-files.ts';
import { openProcess } from '../support/process.ts';
import { createWorld } from '../support/world.ts';

const PROJECT = '/builds/group/app';
const NO_FAULT = { kind: 'succeeded' } as const;
const FAILED = { kind: 'script_failed', exitCode: 1 } as const;
const UNANSWERED = new TransientError('connect ECONNREFUSED');

type Kind = Exclude<ArtifactReply['kind'], 'redirected'>;

let replies = 0;
const answer = (kind: Kind, status: number): ArtifactReply => ({
  ...{ kind, status, said: `${status} said`, correlationId: `c${(replies += 1)}` },
});
const CREATED = (): ArtifactReply => answer('created', 201);
const redirectTo = (url: string): ArtifactReply => ({
  ...answer('failed', 307),
  kind: 'redirected',
  url,
});

interface Upload {
  readonly artifacts?: readonly Readonly<Record<string, unknown>>[];
  /** One after the other. After the last one GitLab accepts everything. */
  readonly answers?: readonly (ArtifactReply | Error)[];
  /** The answer to a call that asks whether GitLab still wants the job. */
  readonly update?: UpdateReply | Error;
  readonly stage?: 'upload_artifacts_on_success' | 'upload_artifacts_on_failure';
}

interface Uploaded {
  readonly outcome: StageOutcome;
  readonly uploads: readonly (Pick<ArtifactUpload, 'filename' | 'url'> & {
    readonly text: string;
  })[];
  readonly trace: string;
}

async function upload({
  artifacts = [{}],
  answers = [],
  update = { kind: 'done', remote: 'running' },
  stage = 'upload_artifacts_on_success',
}: Upload = {}): Promise<Uploaded> {
  const job = { artifacts: artifacts.map((entry) => ({ paths: ['out/'], ...entry })) };
  const context = contextOf({ job });
  const { buildId } = context;
  const world = createWorld(context);
  const files = createFakeFileSystem();
  files.container.set(`${PROJECT}/out/a`, { text: 'made', modifiedMs: 1 });
  const uploads: Uploaded['uploads'][number][] = [];
  const coordinator = {
    uploadArtifact: (_: unknown, { file, filename, url }: ArtifactUpload) => {
      const reply = answers[uploads.length] ?? CREATED();
      uploads.push({ filename, url, text: files.node.get(file) ?? '' });
      return reply instanceof Error ? Promise.reject(reply) : Promise.resolve(reply);
    },
    updateJob: () => (update instanceof Error ? Promise.reject(update) : Promise.resolve(update)),
  };
  const ports = { archives: files.archives, hostFiles: files.hostFiles };
  const { node } = openProcess(world, { ports, engine: files.engine, coordinator }).activities;
  await runActivity(() => node.prepareEnvironment({ buildId }));
  const planned = { name: stage, place: 'transfer', attempts: 1 } as const;
  const request = { stage: planned, attempt: 1, jobStatus: 'running' } as const;
  const outcome = await runActivity(() => node.runStage({ buildId }, request));
  return { outcome, uploads, trace: world.spool.saved.text };
}

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

  const saved: [when: string, stage: Upload['stage'] & string, isSent: boolean][] = [
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
});
