import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readZip } from '../support/artifact-content.ts';
import type { FakeAnswer, FakeJob, JobSpec } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertArtifacts, describeScenarios, type Scenario } from '../support/scenario.ts';

/** One entry of `artifacts` as GitLab makes it of .gitlab-ci.yml. */
interface Entry {
  readonly name?: string;
  readonly paths?: readonly string[];
  readonly exclude?: readonly string[];
  readonly untracked?: boolean;
  readonly when?: 'on_success' | 'on_failure' | 'always';
  readonly artifact_type?: string;
  readonly artifact_format?: string;
  readonly expire_in?: string;
}

interface UploadingJob extends JobSpec {
  readonly artifacts: readonly Entry[];
}

const ARCHIVE = { artifact_type: 'archive', artifact_format: 'zip' };

function jobWith({ artifacts, variables = [], ...spec }: UploadingJob): JobSpec {
  return {
    ...spec,
    variables: [{ key: 'GIT_STRATEGY', value: 'empty' }, ...variables],
    payload: { artifacts: artifacts.map((entry) => ({ ...ARCHIVE, ...entry })) },
  };
}

const OUT = jobWith({ script: ['echo hi > out.txt'], artifacts: [{ paths: ['out.txt'] }] });
const UPLOADED = { filename: 'artifacts.zip', holds: { 'out.txt': 'hi\n' } };

/** GitLab's next answers to uploads of the job, whatever they are about. */
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
    title: 'a file and a directory with all that is in it are uploaded as a zip',
    job: jobWith({
      script: ['mkdir -p dir/sub dir/empty', 'echo a > a.txt', 'echo b > dir/sub/.b', 'echo x > x'],
      artifacts: [{ paths: ['a.txt', 'dir'], expire_in: '1 week' }],
    }),
    expected: {
      state: 'success',
      log: [
        'Uploading artifacts for successful job',
        'Uploading artifacts...',
        'a.txt: found 1 matching artifact files and directories',
        'dir: found 4 matching artifact files and directories',
        /Uploading artifacts as "archive" to coordinator\.\.\. 201 Created +correlation_id=\w+ id=\d+ status=201 token=64_\S+/,
        'Job succeeded',
      ],
      artifacts: [
        {
          ...{ filename: 'artifacts.zip', expireIn: '1 week' },
          holds: {
            'a.txt': 'a\n',
            'dir/': '',
            'dir/empty/': '',
            'dir/sub/': '',
            'dir/sub/.b': 'b\n',
          },
        },
      ],
    },
  },
  {
    title: 'paths are patterns of doublestar, and exclude takes files away one by one',
    job: jobWith({
      script: [
        'mkdir -p a/b/c',
        'for f in a/1.log a/b/2.log a/b/c/3.log a/b/4.tmp; do echo > $f; done',
      ],
      artifacts: [{ paths: ['a/**/*.{log,tmp}'], exclude: ['a/b/*.log'] }],
    }),
    expected: {
      state: 'success',
      log: ['found 3 matching artifact files and directories', 'a/b/*.log: excluded 1 files'],
      artifacts: [
        {
          filename: 'artifacts.zip',
          holds: { 'a/1.log': '\n', 'a/b/4.tmp': '\n', 'a/b/c/3.log': '\n' },
        },
      ],
    },
  },
  {
    title: 'name and paths may hold variables; of the name only its last part counts',
    job: jobWith({
      script: ['mkdir v1', 'echo 1 > v1/out'],
      variables: [{ key: 'VERSION', value: 'v1' }],
      artifacts: [{ name: 'build/app-$VERSION', paths: ['${VERSION}/out'] }],
    }),
    expected: {
      state: 'success',
      artifacts: [{ filename: 'app-v1.zip', holds: { 'v1/out': '1\n' } }],
    },
  },
  {
    title: 'after success only what is meant for it is uploaded',
    job: jobWith({
      script: ['echo 1 > f'],
      artifacts: [
        { name: 'good', paths: ['f'], when: 'on_success' },
        { name: 'bad', paths: ['f'], when: 'on_failure', artifact_type: 'metadata' },
        { name: 'any', paths: ['f'], when: 'always', artifact_type: 'trace' },
      ],
    }),
    expected: {
      state: 'success',
      artifacts: [
        { filename: 'good.zip', holds: { f: '1\n' } },
        { filename: 'any.zip', as: 'trace zip', holds: { f: '1\n' } },
      ],
    },
  },
  {
    title: 'after a failure what is meant for it is uploaded, and the job fails with its own code',
    job: jobWith({
      script: ['echo 1 > f', 'exit 7'],
      artifacts: [
        { name: 'good', paths: ['f'] },
        { name: 'bad', paths: ['f'], when: 'on_failure' },
        { name: 'any', paths: ['f'], when: 'always', artifact_type: 'trace' },
      ],
    }),
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 7 },
      log: ['Uploading artifacts for failed job', 'ERROR: Job failed: exit code 7'],
      artifacts: [
        { filename: 'bad.zip', holds: { f: '1\n' } },
        { filename: 'any.zip', as: 'trace zip', holds: { f: '1\n' } },
      ],
    },
  },
  {
    title: 'reports are uploads like any other, each with its type and format: gzip and raw',
    job: jobWith({
      script: ['echo "<xml/>" > junit.xml', 'echo A=1 > build.env', 'echo "[]" > quality.json'],
      artifacts: [
        {
          ...{ name: 'junit.xml', paths: ['junit.xml'], when: 'always' },
          ...{ artifact_type: 'junit', artifact_format: 'gzip' },
        },
        {
          ...{ name: '.env', paths: ['build.env'], when: 'always' },
          ...{ artifact_type: 'dotenv', artifact_format: 'gzip' },
        },
        {
          ...{ name: 'gl-code-quality-report.json', paths: ['quality.json'], when: 'always' },
          ...{ artifact_type: 'codequality', artifact_format: 'raw' },
        },
      ],
    }),
    expected: {
      state: 'success',
      log: [
        'Uploading artifacts as "junit" to coordinator... 201 Created',
        'Uploading artifacts as "dotenv" to coordinator... 201 Created',
        'Uploading artifacts as "codequality" to coordinator... 201 Created',
      ],
      artifacts: [
        { filename: 'junit.xml.gz', as: 'junit gzip', holds: '<xml/>\n' },
        { filename: '.env.gz', as: 'dotenv gzip', holds: 'A=1\n' },
        { filename: 'gl-code-quality-report.json', as: 'codequality raw', holds: '[]\n' },
      ],
    },
  },
  {
    title: 'several reports of one type are gzipped one after the other into one file',
    job: jobWith({
      script: ['mkdir r', 'echo 2 > r/b.xml', 'echo 1 > r/a.xml'],
      artifacts: [
        { name: 'junit', paths: ['r/*.xml'], artifact_type: 'junit', artifact_format: 'gzip' },
      ],
    }),
    expected: {
      state: 'success',
      artifacts: [{ filename: 'junit.gz', as: 'junit gzip', holds: '1\n2\n' }],
    },
  },
  {
    title: 'two files cannot be sent raw: the job fails, and says what it found',
    job: jobWith({
      script: ['echo 1 > a', 'echo 2 > b'],
      artifacts: [
        { paths: ['?'], artifact_type: 'sast', artifact_format: 'raw' },
        { name: 'other', paths: ['a'] },
      ],
    }),
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
      log: [
        '?: found 2 matching artifact files and directories',
        'FATAL: the archive is refused: only one file can be sent as raw',
        'ERROR: Job failed: exit code 1',
      ],
      artifacts: [{ filename: 'other.zip', holds: { a: '1\n' } }],
    },
  },
  {
    title: 'modes, links and names beyond ASCII are kept; sockets and pipes are left out',
    job: jobWith({
      script: [
        'mkdir d',
        'echo "#!/bin/sh" > d/run && chmod 755 d/run',
        'echo s > d/secret && chmod 600 d/secret',
        'ln -s run d/link && ln -s /etc/passwd d/out && mkfifo d/pipe',
        'echo ü > "d/grün 日本.txt"',
      ],
      artifacts: [{ paths: ['d'] }],
    }),
    meanwhile: async (job) => {
      await job.whenFinished(120_000);
      const { content } = job.artifacts[0] ?? assert.fail(job.log);
      const modes = (await readZip(content)).map(({ path, mode }) => [path, mode.toString(8)]);
      assert.deepEqual(Object.fromEntries(modes), {
        ...{ 'd/': '755', 'd/run': '755', 'd/secret': '600' },
        ...{ 'd/link': '777', 'd/out': '777', 'd/grün 日本.txt': '644' },
      });
    },
    expected: {
      state: 'success',
      artifacts: [
        {
          filename: 'artifacts.zip',
          holds: {
            ...{ 'd/': '', 'd/grün 日本.txt': 'ü\n', 'd/link': '-> run' },
            ...{ 'd/out': '-> /etc/passwd', 'd/run': '#!/bin/sh\n', 'd/secret': 's\n' },
          },
        },
      ],
    },
  },
  {
    title: 'untracked takes what git does not have, also what it ignores',
    job: {
      script: ['echo "*.log" > .gitignore', 'echo 1 > a.log', 'mkdir -p d && echo 2 > d/b.txt'],
      payload: { artifacts: [{ ...ARCHIVE, untracked: true, exclude: ['.gitignore'] }] },
    },
    expected: {
      state: 'success',
      log: ['untracked: found 2 files', '.gitignore: excluded 1 files', '201 Created'],
      artifacts: [{ filename: 'artifacts.zip', holds: { 'a.log': '1\n', 'd/b.txt': '2\n' } }],
    },
  },
  {
    title: 'untracked without a git repository is a warning',
    job: jobWith({ script: ['echo 1 > a'], artifacts: [{ paths: ['a'], untracked: true }] }),
    expected: {
      state: 'success',
      log: ['is not a git repository', 'untracked: no files', '201 Created'],
      artifacts: [{ filename: 'artifacts.zip', holds: { a: '1\n' } }],
    },
  },
  {
    title: 'of many matches in a large tree only those are kept, whatever lies beside them',
    job: jobWith({
      script: [
        'mkdir -p t/x t/y && for i in $(seq 1 60); do echo $i > t/x/$i.log; echo $i > t/y/$i.tmp; done',
      ],
      artifacts: [{ paths: ['t/**/*.log'] }],
    }),
    expected: {
      state: 'success',
      log: ['t/**/*.log: found 60 matching artifact files and directories'],
      artifacts: [
        {
          filename: 'artifacts.zip',
          holds: Object.fromEntries(
            Array.from({ length: 60 }, (_, i) => [`t/x/${i + 1}.log`, `${i + 1}\n`]),
          ),
        },
      ],
    },
  },
  {
    title: 'a path that matches nothing is a warning; when nothing matches there is no upload',
    job: jobWith({ script: ['true'], artifacts: [{ paths: ['none/*.txt', 'nothing'] }] }),
    expected: {
      state: 'success',
      log: [
        /WARNING: none\/\*\.txt: no matching files\. Ensure that the artifact path is relative to the working directory \(\/builds\//,
        'WARNING: nothing: no matching files.',
        'ERROR: No files to upload',
        'Job succeeded',
      ],
      artifacts: [],
    },
  },
  {
    title: 'what lies outside of the project is not taken, by whatever path',
    job: jobWith({
      script: ['echo 1 > in', 'echo 2 > ../outside'],
      artifacts: [
        { paths: ['../outside', '/etc/passwd', 'x/../../outside', '$CI_PROJECT_DIR/in'] },
      ],
    }),
    expected: {
      state: 'success',
      log: [
        'artifact path is not a subpath of project directory: ../outside',
        'artifact path is not a subpath of project directory: /etc/passwd',
        'artifact path is not a subpath of project directory: x/../../outside',
        '/in: found 1 matching artifact files and directories',
      ],
      artifacts: [{ filename: 'artifacts.zip', holds: { in: '1\n' } }],
    },
  },
  {
    title: 'after_script runs before the upload and may still write files',
    job: jobWith({
      script: ['true'],
      afterScript: ['echo late > late.txt'],
      artifacts: [{ paths: ['late.txt'] }],
    }),
    expected: {
      state: 'success',
      log: ['Running after_script', 'Uploading artifacts for successful job'],
      artifacts: [{ filename: 'artifacts.zip', holds: { 'late.txt': 'late\n' } }],
    },
  },
  {
    title: 'without anything to upload nothing is said of it',
    job: jobWith({ script: ['true'], artifacts: [{ name: 'empty', paths: [] }] }),
    expected: { state: 'success', never: ['ploading artifacts'], artifacts: [] },
  },
  {
    title: 'GitLab finds it too large (413): the job fails, what else there is is uploaded',
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
    title: 'GitLab forbids it (403): the job fails, and nothing more is tried',
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
    title: 'a refusal (400) is tried three times in all, then the job fails',
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
    title: 'the storage behind GitLab is not there (503) for a moment: it is sent again',
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
    title: 'the connection breaks in the middle of an upload: it is sent again',
    job: OUT,
    meanwhile: answerUploads({ cut: true }),
    expected: {
      state: 'success',
      log: ['ERROR: Uploading artifacts as "archive" to coordinator... error', '201 Created'],
      artifacts: [UPLOADED],
    },
  },
  {
    title: 'an answer that is lost costs a second upload of the very same file',
    job: OUT,
    meanwhile: answerUploads({ cut: true, afterwards: true }),
    expected: { state: 'success', log: ['201 Created'], artifacts: [UPLOADED] },
  },
  {
    title: 'GitLab sends the upload to another of its servers (307): it goes there',
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
    title: 'GitLab is away when the job ends: the upload is kept, which the log says once',
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
    title: 'a cancel that comes during the upload comes too late: it is finished',
    job: OUT,
    meanwhile: async (job, installation) => {
      let letGo: () => void = () => undefined;
      const hold = new Promise<void>((resolve) => (letGo = resolve));
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

describeScenarios('artifacts', {}, scenarios);

describe('artifacts when the worker dies', () => {
  it('kill -9 in the middle of an upload: it is sent again, the same file, and kept once', async () => {
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
