import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readZip } from '../support/artifact-content.ts';
import { parseStatement } from '../support/provenance-statement.ts';
import { describeScenarios, type Scenario } from '../support/scenario.ts';
import { ARCHIVE, jobWith } from '../support/upload-jobs.ts';

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
    title: 'paths are patterns of doublestar, and exclude removes single files',
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
    title: 'name and paths may hold variables; only the last part of the name counts',
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
    title: 'untracked takes files that git does not know, and those that it ignores',
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
    title: 'many matches in a large tree are kept without the files beside them',
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
    title: 'no path takes files from outside of the project',
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
    title: 'variables of GITLAB_ENV count in names, paths and excludes',
    job: jobWith({
      script: [
        'echo OUT=other >> "$GITLAB_ENV"; echo "  OUT=made" >> "$GITLAB_ENV"',
        'mkdir -p made/sub other; echo 1 > made/file; echo 2 > made/sub/x; echo 3 > made/no; touch other/no',
      ],
      afterScript: [
        'echo "$OUT"',
        'echo "SUB=$OUT/s*" >> "$GITLAB_ENV"; printf NOT=no >> "$GITLAB_ENV"',
      ],
      artifacts: [
        { name: 'pkg-$OUT', paths: ['$OUT/file'] },
        {
          ...{ name: '$OUT', paths: ['$SUB', '$OUT'], exclude: ['*/$NOT'] },
          ...{ artifact_type: 'metadata', artifact_format: 'zip' },
        },
      ],
    }),
    expected: {
      state: 'success',
      log: [/^made$/m, 'made/file: found 1 matching', '201 Created', 'made: found 4 matching'],
      artifacts: [
        { filename: 'pkg-made.zip', holds: { 'made/file': '1\n' } },
        {
          ...{ filename: 'made.zip', as: 'metadata zip' },
          holds: { 'made/': '', 'made/file': '1\n', 'made/sub/': '', 'made/sub/x': '2\n' },
        },
      ],
    },
  },
  {
    title: 'a GITLAB_ENV that a script has replaced by a link is not followed',
    job: jobWith({
      script: [
        'echo OUT=made > away; mkdir made; touch made/file fallback',
        'rm -f "$GITLAB_ENV"; ln -s "$PWD/away" "$GITLAB_ENV"',
      ],
      artifacts: [{ name: 'pkg-$OUT', paths: ['$OUT/file', 'fallback'] }],
    }),
    expected: {
      state: 'success',
      log: [
        'WARNING: GITLAB_ENV is not a plain file any more: names and paths do without it',
        'artifact path is not a subpath of project directory: /file',
      ],
      artifacts: [{ filename: 'pkg-.zip', holds: { fallback: '' } }],
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
