import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FakeAnswer, FakeJob } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertArtifacts, describeScenarios, type Scenario } from '../support/scenario.ts';
import { jobWith, OUT, UPLOADED } from '../support/upload-jobs.ts';
import { gate } from '../support/gate.ts';

/** GitLab gives these answers to the job's next uploads. The kind of upload does not matter. */
function answerUploads(...answers: readonly FakeAnswer[]) {
  const left = [...answers];
  return (job: FakeJob, { gitlab }: Installation): Promise<void> => {
    gitlab.intercept(({ kind, jobId }) =>
      kind === 'upload' && jobId === job.id ? left.shift() : undefined,
    );
    return Promise.resolve();
  };
}

const scenarios: readonly Scenario[] = [
  {
    title: 'GitLab finds it too large (413): the job fails, and its other artifacts are uploaded',
    job: jobWith({
      script: ['echo hi > out.txt'],
      artifacts: [
        { paths: ['out.txt'] },
        { name: 'r', paths: ['out.txt'], artifact_type: 'junit', artifact_format: 'gzip' },
      ],
    }),
    meanwhile: answerUploads({ status: 413, body: '{"message":"413 Request Entity Too Large"}' }),
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
      log: [
        /ERROR: Uploading artifacts as "archive" to coordinator\.\.\. 413 Request Entity Too Large +correlation_id=\w+ id=\d+ status=413 token=64_/,
        'FATAL: too large',
        'Uploading artifacts as "junit" to coordinator... 201 Created',
        'ERROR: Job failed: exit code 1',
      ],
      artifacts: [{ filename: 'r.gz', as: 'junit gzip', holds: 'hi\n' }],
    },
  },
  {
    title: 'GitLab forbids it (403): the job fails without another try',
    job: jobWith({
      script: ['echo hi > out.txt'],
      artifacts: [
        { paths: ['out.txt'] },
        { name: 'r', paths: ['out.txt'], artifact_type: 'junit', artifact_format: 'gzip' },
      ],
    }),
    meanwhile: answerUploads({ status: 403, body: '{"message":"403 Forbidden"}' }),
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
      log: ['to coordinator... 403 Forbidden', 'FATAL: permission denied'],
      artifacts: [],
    },
  },
  {
    title: 'GitLab refuses it (400): it is tried three times in all, then the job fails',
    job: OUT,
    meanwhile: answerUploads(
      ...Array<FakeAnswer>(3).fill({ status: 400, body: '{"message":"400 no"}' }),
    ),
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
      log: [
        'WARNING: Uploading artifacts as "archive" to coordinator... 400 no',
        /WARNING: Retrying\.\.\. +context=artifacts-uploader error=400 no/,
        'WARNING: Uploading artifacts as "archive" to coordinator... 400 no',
        'WARNING: Retrying...',
        'WARNING: Uploading artifacts as "archive" to coordinator... 400 no',
        'FATAL: 400 no',
      ],
      artifacts: [],
    },
  },
  {
    title: 'the storage behind GitLab is away (503) for a moment: the upload is sent again',
    job: OUT,
    meanwhile: answerUploads(
      ...Array<FakeAnswer>(6).fill({ status: 503, body: '{"message":"503 Service Unavailable"}' }),
    ),
    expected: {
      state: 'success',
      log: [
        'ERROR: Uploading artifacts as "archive" to coordinator... 503 Service Unavailable',
        'WARNING: Retrying...',
        'to coordinator... 201 Created',
      ],
      artifacts: [UPLOADED],
    },
  },
  {
    title: 'the connection breaks in the middle of an upload: the upload is sent again',
    job: OUT,
    meanwhile: answerUploads({ cut: true }),
    expected: {
      state: 'success',
      log: ['ERROR: Uploading artifacts as "archive" to coordinator... error', '201 Created'],
      artifacts: [UPLOADED],
    },
  },
  {
    title: 'the answer is lost: the very same file is uploaded a second time',
    job: OUT,
    meanwhile: answerUploads({ cut: true, afterwards: true }),
    expected: { state: 'success', log: ['201 Created'], artifacts: [UPLOADED] },
  },
  {
    title: 'GitLab redirects the upload to another of its servers (307): the upload goes there',
    job: OUT,
    meanwhile: (job, { gitlab }) => {
      const location = `${gitlab.url}/api/v4/jobs/${job.id}/artifacts`;
      return answerUploads({ status: 307, headers: { Location: location } })(job, {
        gitlab,
      } as Installation);
    },
    expected: {
      state: 'success',
      log: ['307 Temporary Redirect', /Upload request redirected +new-url=http/, '201 Created'],
      artifacts: [UPLOADED],
    },
  },
  {
    title: 'a permanent redirect (308) is followed with the whole upload, like a temporary one',
    job: OUT,
    meanwhile: (job, { gitlab }) => {
      const location = `${gitlab.url}/api/v4/jobs/${job.id}/artifacts?artifact_format=zip&artifact_type=archive`;
      return answerUploads({ status: 308, headers: { Location: location } })(job, {
        gitlab,
      } as Installation);
    },
    expected: {
      state: 'success',
      log: ['308 Permanent Redirect', /Upload request redirected +new-url=http/, '201 Created'],
      artifacts: [UPLOADED],
    },
  },
  {
    title: 'GitLab is away when the job ends: the upload is kept, and the log says so once',
    job: OUT,
    meanwhile: async (job, { gitlab, runner }) => {
      const away = gitlab.intercept(({ kind, jobId }) => {
        const isOver = gitlab.requests.some(({ path }) => path.includes(`/${job.id}/artifacts`));
        return isOver && jobId === job.id && kind !== 'git'
          ? { status: 502, headers: { 'Content-Type': 'text/html' }, body: '<p>Maintenance</p>' }
          : undefined;
      });
      await runner.whenLog(new RegExp(`"artifact not sent yet".*|.*"job":${job.id}.*not sent yet`));
      await runner.whenLog(/artifact not sent yet/);
      away.remove();
    },
    expected: {
      state: 'success',
      log: [
        /WARNING: Uploading artifacts as "archive" to coordinator\.\.\. GitLab is away \(502 Bad Gateway\): the upload is kept and sent when it is back/,
        '201 Created',
        'Job succeeded',
      ],
      artifacts: [UPLOADED],
    },
  },
  {
    title: 'a cancel during the upload comes too late: the upload is finished',
    job: OUT,
    meanwhile: async (job, installation) => {
      const { opened: hold, open: letGo } = gate();
      let tellHeld: () => void = () => undefined;
      const held = new Promise<void>((resolve) => (tellHeld = resolve));
      installation.gitlab.intercept(({ kind, jobId }) => {
        if (kind !== 'upload' || jobId !== job.id) return undefined;
        tellHeld();
        return { hold };
      });
      await held;
      job.cancel();
      letGo();
      await job.whenFinished(60_000);
      await assertArtifacts(job, [UPLOADED]);
    },
    expected: { state: 'canceled', log: ['201 Created', 'Job succeeded'] },
  },
];

describeScenarios('GitLab’s answer to an upload', {}, scenarios);

describe('artifacts when the worker dies', () => {
  it('kill -9 in the middle of an upload: the same file is sent again, and kept once', async () => {
    const installation = await openInstallation({ concurrent: 1 });
    try {
      await installation.start();
      const { gitlab } = installation;
      const arrived = new Promise<void>((resolve) => {
        const never = new Promise<void>(() => undefined);
        const holding = gitlab.intercept(({ kind }) => {
          if (kind !== 'upload') return undefined;
          holding.remove();
          resolve();
          return { hold: never };
        });
      });
      const job = gitlab.addJob(OUT);
      await arrived;
      await installation.runner.end('SIGKILL');
      await installation.start();
      await job.whenFinished(120_000);
      assert.equal(job.state, 'success', job.log);
      await assertArtifacts(job, [UPLOADED]);
      assert.equal(job.log.split('Uploading artifacts...').length, 2, job.log);
      assert.equal(job.log.split('out.txt: found 1').length, 2, job.log);
      const uploads = gitlab.requests.filter(({ path }) => path.includes('/artifacts'));
      assert.equal(uploads.length, 2);
      await installation.whenClean();
      assert.deepEqual(gitlab.violations, []);
    } finally {
      await installation.close();
    }
  });
});
