import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readZip } from '../support/artifact-content.ts';
import { parseStatement } from '../support/provenance-statement.ts';
import { describeScenarios, type Scenario } from '../support/scenario.ts';
import { jobWith } from '../support/upload-jobs.ts';

const scenarios: readonly Scenario[] = [
  {
    title: 'a file and a directory with its whole content are uploaded as a zip',
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
    title: 'after a success the artifacts for on_success and always are uploaded',
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
    title: 'after a failure those for on_failure and always are, and the job keeps its exit code',
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
    title: 'reports are uploaded with their type and format, gzip or raw',
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
    title: 'two files cannot be sent raw: the job fails, and the log names them',
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
    title: 'RUNNER_GENERATE_ARTIFACTS_METADATA puts a statement of provenance into each zip',
    job: jobWith({
      script: [
        'mkdir d',
        'echo 1 > d/a',
        `echo 2 > 'd/q"'`,
        'ln -s a d/link',
        'head -c 300000 /dev/zero > d/big',
      ],
      variables: [
        { key: 'RUNNER_GENERATE_ARTIFACTS_METADATA', value: 'true' },
        { key: 'SLSA_PROVENANCE_SCHEMA_VERSION', value: 'v9' },
        { key: 'SECRET', value: 'a-very-secret-value', masked: true },
        { key: 'VERSION', value: 'v1' },
      ],
      artifacts: [
        { name: 'app-$VERSION', paths: ['d'] },
        {
          ...{ name: 'kept', paths: ['d/a'], exclude: ['*-metadata.json'] },
          artifact_type: 'metadata',
        },
        { name: 'none', paths: ['none'], artifact_type: 'trace' },
        { name: 'x', paths: ['d/a'], artifact_type: 'junit', artifact_format: 'gzip' },
      ],
    }),
    meanwhile: async (job) => {
      await job.whenFinished(120_000);
      const [first, ...others] = job.artifacts;
      const members = await readZip(first?.content ?? assert.fail(job.log));
      const bytesOf = new Map(members.map(({ path, bytes }) => [path, bytes]));
      const text = `${bytesOf.get('app-v1-metadata.json')?.toString()}`;
      const { _type, predicateType, subject, predicate } = parseStatement(text);
      assert.equal(_type, 'https://in-toto.io/Statement/v0.1');
      assert.equal(predicateType, 'https://slsa.dev/provenance/v1');
      assert.deepEqual(
        new Map(subject.map(({ name, digest }) => [name, digest.sha256])),
        new Map(
          ['d/a', 'd/big', 'd/q"'].map((path) => [
            path,
            sha256(bytesOf.get(path) ?? assert.fail()),
          ]),
        ),
      );
      const { buildDefinition, runDetails } = predicate;
      assert.equal(buildDefinition.externalParameters.SECRET, '');
      assert.equal(runDetails.metadata.invocationId, `${job.id}`);
      assert.ok(runDetails.metadata.startedOn <= runDetails.metadata.finishedOn, text);
      assert.doesNotMatch(text, /a-very-secret-value/);
      assert.deepEqual(
        others.map(({ filename }) => filename),
        ['kept.zip', 'x.gz'],
      );
      const kept = await readZip(others[0]?.content ?? assert.fail());
      assert.deepEqual(
        kept.map(({ path }) => path),
        ['d/a'],
      );
    },
    expected: {
      state: 'success',
      log: [
        'd: found 5 matching',
        'Generating artifacts statement',
        'WARNING: Unknown SLSA provenance version v9, defaulting to v1',
        '201 Created',
        '*-metadata.json: excluded 1 files',
        'ERROR: No files to upload',
      ],
    },
  },
  {
    title:
      'a statement of provenance whose name is taken in its archive fails the upload with the reason',
    job: jobWith({
      script: ['echo 1 > f', 'echo forged > app-metadata.json'],
      variables: [{ key: 'RUNNER_GENERATE_ARTIFACTS_METADATA', value: 'true' }],
      artifacts: [
        { name: 'f/x', paths: ['f'] },
        { name: '../out', paths: ['f'], artifact_type: 'metadata' },
        { name: 'app', paths: ['app-metadata.json', 'f'], artifact_type: 'trace' },
      ],
    }),
    meanwhile: async (job) => {
      await job.whenFinished(120_000);
      const [out, app] = job.artifacts;
      const namesIn = async (content: Buffer | undefined) =>
        (await readZip(content ?? assert.fail(job.log))).map(({ path }) => path).sort();
      assert.deepEqual(await namesIn(out?.content), ['f']);
      assert.deepEqual(await namesIn(app?.content), ['app-metadata.json', 'f']);
      assert.ok(!app?.content.includes('forged'));
    },
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
      log: [
        'FATAL: the archive is refused: the statement of provenance lies below "f", which is no directory',
        'WARNING: ../out-metadata.json: not supported: outside build directory',
      ],
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
    title: 'a job without files to upload has no line about artifacts in its log',
    job: jobWith({ script: ['true'], artifacts: [{ name: 'empty', paths: [] }] }),
    expected: { state: 'success', never: ['ploading artifacts'], artifacts: [] },
  },
];

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

describeScenarios('artifacts', {}, scenarios);
