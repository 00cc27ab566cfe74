import assert from 'node:assert/strict';
import { readZip } from '../support/artifact-content.ts';
import { describeScenarios, type Scenario } from '../support/scenario.ts';
import { ARCHIVE, jobWith } from '../support/upload-jobs.ts';

const patterns: readonly Scenario[] = [
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
];

describeScenarios('files of artifacts', {}, patterns);
