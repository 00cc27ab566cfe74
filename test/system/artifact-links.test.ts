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
    title: 'beside others too, each of which finds what it would find alone',
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
    title: 'a link that is asked for by its name stays one, and so does one behind the first star',
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
    title: 'where a link is asked for as well as what it leads to, the files are there',
    job: jobWith({ script: LINKED, artifacts: [{ paths: ['reports', 'reports/*.xml'] }] }),
    expected: {
      state: 'success',
      artifacts: [{ filename: 'artifacts.zip', holds: { 'reports/a.xml': '1\n' } }],
    },
  },
  {
    title: 'no link leads out of the project, at whatever place of a path it is',
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
    title: 'a name with a backslash is found by it, alone and as a directory',
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
      // What reads it here is made for names of Windows too.
      artifacts: [
        {
          filename: 'artifacts.zip',
          holds: { 'back/slash': '1\n', 'dir/name/file': '2\n', other: '' },
        },
      ],
    },
  },
  {
    title: 'a report that is sent as it is may be a link to the file, but to none outside',
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
