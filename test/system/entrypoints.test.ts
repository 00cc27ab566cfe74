import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import Docker from 'dockerode';
import type { JobSpec } from '../support/fake-gitlab/types.ts';
import { describeScenarios, JOB_IMAGE, NO_GIT, type Expectation } from '../support/scenario.ts';

const BUSYBOX = 'temporal-gitlab-runner/busybox:local';
const SHELL_FORM = `temporal-gitlab-runner/shell-entrypoint:${process.pid}`;
const docker = new Docker();

/** Returns a job whose script fails with 3 and which has an after_script. */
function failing(image: object): JobSpec {
  return {
    script: ['echo script-ran', 'exit 3'],
    afterScript: ['echo after-script-ran'],
    variables: [NO_GIT],
    payload: { image },
  };
}

function said(image: object, ...script: readonly string[]): JobSpec {
  return { script: [...script], variables: [NO_GIT], payload: { image } };
}

const BOTH_RAN = [/^script-ran$/m, /^after-script-ran$/m];
const FAILED_WITH_3: Expectation = {
  ...{ state: 'failed', failureReason: 'script_failure', exitCode: 3 },
  log: BOTH_RAN,
};

describe('an entrypoint', () => {
  before(async () => {
    const container = await docker.createContainer({ Image: BUSYBOX, Cmd: ['true'] });
    try {
      const [repo, tag] = SHELL_FORM.split(':');
      await container.commit({ repo, tag, changes: 'ENTRYPOINT /bin/sh' });
    } finally {
      await container.remove({ force: true });
    }
  });
  after(() => docker.getImage(SHELL_FORM).remove());

  describeScenarios('that drops its command', {}, [
    {
      title: 'because it is a shell that takes only the first word as its command',
      job: failing({ name: BUSYBOX, entrypoint: ['/bin/sh', '-c'] }),
      expected: FAILED_WITH_3,
    },
    {
      title: 'because it is such a login shell, bash',
      job: failing({ name: JOB_IMAGE, entrypoint: ['/bin/bash', '-l', '-c'] }),
      expected: FAILED_WITH_3,
    },
    {
      title: 'because the image has it in shell form',
      job: failing({ name: SHELL_FORM }),
      expected: FAILED_WITH_3,
    },
    {
      title: 'because it ends in another shell',
      job: failing({
        name: JOB_IMAGE,
        entrypoint: ['sh', '-c', 'echo hello; export ADDED=yes; exec sh', 'sh'],
      }),
      expected: { ...FAILED_WITH_3, log: [/^hello$/m, ...BOTH_RAN] },
    },
    {
      title: 'because it reads its whole stdin before it runs it',
      job: failing({
        name: JOB_IMAGE,
        entrypoint: ['sh', '-c', 'cat >/tmp/given; tail -n 99 /tmp/given | sh', 'sh'],
      }),
      expected: FAILED_WITH_3,
    },
    {
      title: 'runs the script once even if it runs both its command and its stdin',
      job: said(
        {
          name: JOB_IMAGE,
          entrypoint: ['sh', '-c', '("$@"); sh; echo "end $?"', 'sh'],
        },
        'echo run-$((6 * 7))',
      ),
      expected: { state: 'success', log: [/^run-42$(?![^]*^run-42$)/m] },
    },
    {
      title: 'passes its environment to the script',
      job: said(
        { name: JOB_IMAGE, entrypoint: ['sh', '-c', 'export ADDED=yes; exec bash', 'sh'] },
        'echo "added $ADDED"',
      ),
      expected: { state: 'success', log: [/^added yes$/m] },
    },
  ]);

  describeScenarios('that decides the result', {}, [
    {
      title: 'may do the work without the script, and the log says so',
      job: said({ name: JOB_IMAGE, entrypoint: ['sh', '-c', 'echo built; exit 0', 'sh'] }, 'false'),
      expected: {
        state: 'success',
        log: [/^built$/m, /exit code 0 without running the script/],
        never: ['ERROR'],
      },
    },
    {
      title: 'may fail without running the script',
      job: said({ name: JOB_IMAGE, entrypoint: ['sh', '-c', 'exit 5', 'sh'] }, 'true'),
      expected: {
        ...{ state: 'failed', failureReason: 'script_failure', exitCode: 5 },
        log: [/exit code 5 without running the script/],
      },
    },
    {
      title: 'may fail after a script that succeeded',
      job: said({ name: JOB_IMAGE, entrypoint: ['sh', '-c', '"$@"; exit 7', 'sh'] }, 'echo ran'),
      expected: {
        ...{ state: 'failed', failureReason: 'script_failure', exitCode: 7 },
        log: [/^ran$/m, /exit code 0.*7/],
      },
    },
    {
      title: 'may succeed after a script that failed',
      job: said(
        { name: JOB_IMAGE, entrypoint: ['sh', '-c', '"$@" || true', 'sh'] },
        'echo ran',
        'exit 3',
      ),
      expected: { state: 'success', log: [/^ran$/m, /exit code 3.*0/] },
    },
    {
      title: 'may end while the script runs',
      job: said(
        { name: JOB_IMAGE, entrypoint: ['sh', '-c', '"$@" & sleep 1; exit 0', 'sh'] },
        'sleep 60',
      ),
      expected: { state: 'success', log: [/exit code 0 before the script came to its end/] },
    },
  ]);
});

const DAEMON = `
i=0
while [ "$i" -lt 60000 ]; do echo "daemon line $i, and so on and so forth"; i=$((i + 1)); done
: >/tmp/all-said
`;

describeScenarios('an entrypoint that writes output', { runnerToml: '  output_limit = 8192' }, [
  {
    title: 'has its output in the trace while it runs',
    job: said(
      { name: JOB_IMAGE, entrypoint: ['sh', '-c', 'echo first-word; sleep 12; exec "$@"', 'sh'] },
      'echo script-ran',
    ),
    meanwhile: async (job) => {
      await job.whenLog(/^first-word$/m);
      assert.doesNotMatch(job.log, /^script-ran$/m);
    },
    expected: { state: 'success', log: [/^first-word$/m, /^script-ran$/m] },
  },
  {
    title: 'has its output in the trace to the end, also beside the script’s',
    job: said(
      { name: JOB_IMAGE, entrypoint: ['sh', '-c', `(${DAEMON}) & exec "$@"`, 'sh'] },
      'echo script-ran',
      'until [ -e /tmp/all-said ]; do sleep 0.1; done',
    ),
    expected: { state: 'success', log: [/^daemon line 0,/m, /^daemon line 59999,/m] },
  },
]);

describeScenarios(
  'an entrypoint that writes too much output',
  { runnerToml: '  output_limit = 64' },
  [
    {
      title: 'is cut at output_limit, and the job continues',
      job: said(
        { name: JOB_IMAGE, entrypoint: ['sh', '-c', `${DAEMON}\nexec "$@"`, 'sh'] },
        'exit 3',
      ),
      expected: {
        ...{ state: 'failed', failureReason: 'script_failure', exitCode: 3 },
        log: [/^daemon line 0,/m, /exceeded limit/],
        never: ['daemon line 59999'],
      },
    },
  ],
);

describeScenarios('a script', {}, [
  {
    title: 'runs in the directory of the project, with the name of bash',
    job: said(
      { name: JOB_IMAGE },
      'cd "$(dirname "${BASH_SOURCE[0]}")"; pwd; echo "name $0"; echo "source [${BASH_SOURCE[0]}]"',
    ),
    expected: {
      state: 'success',
      log: [/^\/builds\/group\/project$/m, /^name \/.*\/bash$/m, /^source \[\]$/m],
      never: ['.temporal-gitlab-runner'],
    },
  },
  {
    title: 'has the name of sh in busybox',
    job: said({ name: BUSYBOX }, 'cd "$(dirname "$0")"; pwd; echo "name $0"'),
    expected: { state: 'success', log: [/\/bin$/m, /^name \/.*bin\/sh$/m] },
  },
  {
    title: 'has the same name behind an entrypoint that drops its command',
    job: said({ name: BUSYBOX, entrypoint: ['/bin/sh', '-c'] }, 'echo "name $0"'),
    expected: { state: 'success', log: [/^name \/.*bin\/sh$/m] },
  },
  {
    title: 'is not named as a file in error messages of the shell',
    job: said({ name: JOB_IMAGE }, 'no-such-command-here'),
    expected: {
      ...{ state: 'failed', failureReason: 'script_failure', exitCode: 127 },
      log: [/bash: line \d+: no-such-command-here: command not found/],
      never: ['.temporal-gitlab-runner'],
    },
  },
]);
