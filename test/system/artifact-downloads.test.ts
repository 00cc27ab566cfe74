import { describeScenarios, JOB_IMAGE, NO_GIT } from '../support/scenario.ts';
import { DIRECTORY, makeZip, SYMLINK } from '../support/make-zip.ts';

const ONE_FILE = makeZip([{ name: 'report.txt', content: 'from the earlier job\n' }]);
const variables = [NO_GIT];

describeScenarios('artifacts of earlier jobs', {}, [
  {
    title: 'lie in the checkout when the script begins',
    job: {
      variables,
      dependencies: [{ name: 'compile', archive: ONE_FILE }],
      script: ['pwd', 'cat report.txt'],
    },
    expected: {
      state: 'success',
      log: [
        'Downloading artifacts',
        /Downloading artifacts for compile \(\d+\)\.\.\./,
        /Downloading artifacts from coordinator\.\.\. ok +correlation_id=\w+ host=\S+ id=\d+ responseStatus=200 OK token=64_[\w-]{6}/,
        'from the earlier job',
      ],
    },
  },
  {
    title: 'are unpacked in the order of the list, the later ones over the earlier ones',
    job: {
      variables,
      dependencies: [
        { name: 'first', archive: makeZip([file('same', 'first\n'), file('only-first', '1\n')]) },
        { name: 'second', archive: makeZip([file('same', 'second\n')]) },
      ],
      script: ['cat same only-first'],
    },
    expected: { state: 'success', log: [/for first/, /for second/, /^second$/m, /^1$/m] },
  },
  {
    title: 'keep their modes, links, owners and names of any language',
    job: {
      variables,
      dependencies: [
        {
          name: 'compile',
          archive: makeZip([
            { name: 'bin/', mode: DIRECTORY },
            { name: 'bin/tool', content: '#!/bin/sh\necho tool runs\n', mode: 0o100750 },
            { name: 'secret', content: 's', mode: 0o100600, extra: ownedBy(1234, 5678) },
            { name: 'link', content: 'bin/tool', mode: SYMLINK },
            { name: 'größe/日本語 💎.txt', content: 'named\n' },
            { name: 'empty dir/', mode: 0o040711 },
          ]),
        },
      ],
      script: [
        './link',
        'readlink link',
        'stat -c "%a %u:%g" bin bin/tool secret "empty dir" größe',
        'cat größe/*',
      ],
    },
    expected: {
      state: 'success',
      log: [
        ...['tool runs', /^bin\/tool$/m, /^755 0:0$/m, /^750 0:0$/m, /^600 1234:5678$/m],
        // Every user of the job may write to a directory that is in the archive only as a part of
        // files' paths.
        ...[/^711 0:0$/m, /^777 0:0$/m, /^named$/m],
      ],
    },
  },
  {
    title: 'do not change a directory that exists already',
    job: {
      variables,
      dependencies: [
        { name: 'first', archive: makeZip([{ name: 'out/', mode: 0o040705 }]) },
        { name: 'second', archive: makeZip([file('out/deeper/file', 'x')]) },
      ],
      script: ['stat -c "%n %a" out out/deeper'],
    },
    expected: { state: 'success', log: [/^out 705$/m, /^out\/deeper 777$/m] },
  },
  {
    title: 'are downloaded without the job’s token from another host when GitLab redirects there',
    job: {
      variables,
      dependencies: [{ name: 'compile', archive: ONE_FILE, isInObjectStorage: true }],
      script: ['cat report.txt'],
    },
    expected: {
      state: 'success',
      log: [/\.\.\. ok .* host=127\.0\.0\.1:\d+ /, 'from the earlier'],
    },
  },
  {
    title: 'are downloaded through GitLab when FF_USE_DIRECT_DOWNLOAD is false',
    job: {
      variables: [NO_GIT, { key: 'FF_USE_DIRECT_DOWNLOAD', value: 'false' }],
      dependencies: [{ name: 'compile', archive: ONE_FILE, isInObjectStorage: true }],
      script: ['cat report.txt'],
    },
    expected: { state: 'success', log: [/\.\.\. ok .* host=(?!127)\S+ /, 'from the earlier job'] },
  },
  {
    title: 'fail the job at once when GitLab says that they are gone',
    job: {
      variables,
      dependencies: [{ name: 'compile', archive: ONE_FILE, answers: [{ status: 404 }] }],
      script: ['echo never'],
    },
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
      log: [
        /ERROR: Downloading artifacts from coordinator\.\.\. not found .*status=404 Not Found/,
        'FATAL: file does not exist',
      ],
      never: ['echo never', 'Retrying'],
    },
  },
  {
    title: 'fail the job at once, with GitLab’s message, when the job may not read them',
    job: {
      variables,
      dependencies: [
        {
          ...{ name: 'compile', archive: ONE_FILE },
          answers: [
            { status: 403, body: '{"message":"403 Forbidden - The artifacts are private"}' },
          ],
        },
      ],
      script: ['echo never'],
    },
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
      log: [
        /ERROR: .*\.\.\. forbidden .*status=403 Forbidden - The artifacts are private/,
        'FATAL: permission denied',
      ],
      never: ['echo never', 'Retrying'],
    },
  },
  {
    title: 'fail the job at once when GitLab refuses the token',
    job: {
      variables,
      dependencies: [{ name: 'compile', archive: ONE_FILE, answers: [{ status: 401 }] }],
    },
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
      log: [/ERROR: .*\.\.\. unauthorized .*status=401 Unauthorized/, 'FATAL: permission denied'],
    },
  },
  {
    title: 'are requested again, without direct_download, after an error of GitLab',
    job: {
      variables,
      dependencies: [
        {
          ...{ name: 'compile', archive: ONE_FILE, isInObjectStorage: true },
          answers: [{ status: 501 }],
        },
      ],
      script: ['cat report.txt'],
    },
    expected: {
      state: 'success',
      log: [
        /WARNING: .*\.\.\. failed .*status=501 Not Implemented/,
        /WARNING: Retrying\.\.\. +error=invalid argument/,
        /\.\.\. ok .* host=(?!127)\S+ /,
        'from the earlier job',
      ],
    },
  },
  {
    title: 'are requested again when the connection is cut in the middle of them',
    job: {
      variables,
      dependencies: [{ name: 'compile', archive: ONE_FILE, answers: [{ cut: 'midway' }] }],
      script: ['cat report.txt'],
    },
    expected: {
      state: 'success',
      log: [/ERROR: .*\.\.\. error +error=.+ id=\d+ token=/, 'Retrying...', 'from the earlier job'],
    },
  },
  {
    title: 'fail the job when the third try fails too',
    job: {
      variables,
      dependencies: [
        {
          ...{ name: 'compile', archive: ONE_FILE },
          answers: [{ cut: true }, { status: 501 }, { cut: 'midway' }],
        },
      ],
    },
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 1 },
      log: ['... error', 'Retrying...', '... failed', 'Retrying...', 'FATAL: invalid argument'],
    },
  },
  {
    title: 'are tried as often as ARTIFACT_DOWNLOAD_ATTEMPTS says',
    job: {
      variables: [NO_GIT, { key: 'ARTIFACT_DOWNLOAD_ATTEMPTS', value: '2' }],
      dependencies: [{ name: 'compile', archive: ONE_FILE, answers: [{ status: 404 }] }],
      script: ['cat report.txt'],
    },
    expected: { state: 'success', log: ['file does not exist', '... ok', 'from the earlier job'] },
  },
  {
    title: 'cost no stage when the earlier job has kept none',
    job: {
      variables,
      dependencies: [{ name: 'nothing', archive: undefined }],
      script: ['ls -A | wc -l'],
    },
    expected: { state: 'success', log: [/^0$/m], never: ['Downloading artifacts'] },
  },
  {
    title: 'may be an empty archive',
    job: { variables, dependencies: [{ name: 'empty', archive: makeZip([]) }] },
    expected: { state: 'success', log: ['... ok'] },
  },
]);

describeScenarios('a hostile archive', {}, [
  refused('leads out of the checkout', makeZip([file('good', 'x'), file('../../etc/evil', 'x')]), {
    says: '"../../etc/evil" leads out of the directory',
  }),
  refused('has an absolute name', makeZip([file('/etc/evil', 'x')]), {
    says: '"/etc/evil" has an absolute name',
  }),
  refused(
    'puts a file behind a symbolic link of its own',
    makeZip([
      { name: 'door', content: '/etc', mode: SYMLINK },
      { name: 'door/evil', content: 'x' },
    ]),
    { says: '"door/evil" lies below "door", which is a symbolic link' },
  ),
  refused('has a name twice', makeZip([file('twice', 'good'), file('twice', 'bad')]), {
    says: '"twice" is there twice',
  }),
  refused(
    'says that it holds far more than it could',
    makeZip([{ ...file('bomb', 'x'), method: 8, sizeBytes: 0xf000_0000 }]),
    {
      says: 'it says to hold more than',
    },
  ),
  refused('is damaged', makeZip([{ ...file('broken', 'text'), crc32: 1 }]), {
    says: '"broken" is damaged: its checksum does not match',
  }),
  refused('is encrypted', makeZip([{ ...file('locked', 'x'), flags: 0x801, packedBytes: 13 }]), {
    says: 'encrypted',
  }),
  refused('is no zip at all', Buffer.from('<html>Please log in</html>'), {
    says: 'not a zip file',
  }),
]);

function refused(what: string, archive: Buffer, { says }: { readonly says: string }) {
  return {
    title: `fails the job, and the log says why, when it ${what}`,
    job: {
      variables,
      image: JOB_IMAGE,
      dependencies: [{ name: 'hostile', archive }],
      script: ['echo never'],
    },
    expected: {
      ...({ state: 'failed', failureReason: 'script_failure', exitCode: 1 } as const),
      log: [/FATAL: the archive is refused: /, says],
      never: ['echo never'],
    },
  };
}

function file(name: string, content: string) {
  return { name, content };
}

function ownedBy(uid: number, gid: number): Buffer {
  const field = Buffer.from([0x75, 0x78, 11, 0, 1, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0]);
  field.writeUInt32LE(uid, 6);
  field.writeUInt32LE(gid, 11);
  return field;
}
