import { describeScenarios, type Scenario } from '../support/scenario.ts';
import { jobWith } from '../support/upload-jobs.ts';

const REAL = 'mkdir -p out/real/sub; echo 1 > out/real/a.xml; echo 2 > out/real/sub/b.xml';
const LINKED = [REAL, 'ln -s out/real reports'];

const scenarios: readonly Scenario[] = [
  {
    title: 'a pattern follows the link before its first special character',
    job: jobWith({
      script: LINKED,
      artifacts: [{ paths: ['reports/**'] }],
    }),
    expected: {
      state: 'success',
      log: ['reports/**: found 4 matching'],
      artifacts: [
        {
          filename: 'artifacts.zip',
          holds: {
            ...{ 'reports/': '', 'reports/a.xml': '1\n' },
            ...{ 'reports/sub/': '', 'reports/sub/b.xml': '2\n' },
          },
        },
      ],
    },
  },
  {
    title: 'several patterns beside each other each find what they would find alone',
    job: jobWith({
      script: [...LINKED, 'touch top.txt; mkdir other; touch other/c.xml'],
      artifacts: [
        { paths: ['**/*.txt', 'reports/*.xml', 'reports/sub/b.xml', 'out/**/b.*', 'other'] },
      ],
    }),
    expected: {
      state: 'success',
      log: [
        '**/*.txt: found 1 matching',
        'reports/*.xml: found 1 matching',
        'reports/sub/b.xml: found 1 matching',
        'out/**/b.*: found 1 matching',
        'other: found 2 matching',
      ],
      artifacts: [
        {
          filename: 'artifacts.zip',
          holds: {
            ...{ 'reports/a.xml': '1\n', 'reports/sub/b.xml': '2\n', 'other/': '' },
            ...{ 'other/c.xml': '', 'out/real/sub/b.xml': '2\n', 'top.txt': '' },
          },
        },
      ],
    },
  },
  {
    title: 'a link that a pattern names, or that lies behind its first star, is kept as a link',
    job: jobWith({
      script: [...LINKED, 'mkdir all; ln -s ../out all/link'],
      artifacts: [{ paths: ['reports', 'all/**'] }],
    }),
    expected: {
      state: 'success',
      log: ['reports: found 1 matching', 'all/**: found 2 matching'],
      artifacts: [
        {
          filename: 'artifacts.zip',
          holds: { 'all/': '', 'all/link': '-> ../out', reports: '-> out/real' },
        },
      ],
    },
  },
  {
    title: 'a pattern for a link and one for its target keep the link’s files',
    job: jobWith({ script: LINKED, artifacts: [{ paths: ['reports', 'reports/*.xml'] }] }),
    expected: {
      state: 'success',
      artifacts: [{ filename: 'artifacts.zip', holds: { 'reports/a.xml': '1\n' } }],
    },
  },
  {
    title: 'no link at any place of a path leads out of the project',
    job: jobWith({
      script: [
        'mkdir -p ../outside/sub; touch ../outside/sub/f ../outside/f in',
        'ln -s /etc etc; ln -s ../outside up; ln -s "$PWD/up" twice; ln -s loop loop; ln -s gone gone-link',
      ],
      artifacts: [
        {
          paths: [
            ...[
              'etc/*',
              'etc/passwd',
              'up/**',
              'up/f',
              'twice/sub/*',
              'up/sub',
              'loop/**',
              'gone-link/*',
              'loop',
            ],
            'in',
          ],
        },
      ],
    }),
    expected: {
      state: 'success',
      log: [
        'WARNING: etc/*: no matching files',
        'WARNING: etc/passwd: no matching files',
        'up/**: found 1 matching',
        'WARNING: up/f: no matching files',
        'WARNING: twice/sub/*: no matching files',
        'WARNING: up/sub: no matching files',
        'in: found 1 matching',
      ],
      artifacts: [{ filename: 'artifacts.zip', holds: { in: '', up: '-> ../outside' } }],
    },
  },
  {
    title: 'a pattern with a backslash finds the file and the directory of that name',
    job: jobWith({
      script: [
        'echo 1 > "back\\\\slash"; touch other',
        'mkdir "dir\\\\name"; echo 2 > "dir\\\\name/file"',
      ],
      artifacts: [{ paths: ['back\\\\slash', 'dir\\\\name/*', 'o*'] }],
    }),
    expected: {
      state: 'success',
      log: ['back\\slash: found 1 matching', 'dir\\name/*: found 1 matching'],
      // The zip reader of this test turns backslashes into slashes, as it must do for names from
      // Windows.
      artifacts: [
        {
          filename: 'artifacts.zip',
          holds: { 'back/slash': '1\n', 'dir/name/file': '2\n', other: '' },
        },
      ],
    },
  },
  {
    title: 'a raw report may be a link to a file inside the project, and to none outside',
    job: jobWith({
      script: [
        'mkdir out; echo {} > out/real.json; ln -s out/real.json gl.json',
        'ln -s /etc/hostname away.json',
      ],
      artifacts: [
        { paths: ['gl.json'], artifact_type: 'codequality', artifact_format: 'raw' },
        { paths: ['away.json'], artifact_type: 'sast', artifact_format: 'raw' },
      ],
    }),
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
      log: ['to coordinator... 201 Created', 'a symbolic link cannot be sent as raw'],
      artifacts: [{ filename: 'artifacts', as: 'codequality raw', holds: '{}\n' }],
    },
  },
];

describeScenarios('artifacts through links', {}, scenarios);
