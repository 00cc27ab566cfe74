import { describeScenarios, NO_GIT } from '../support/scenario.ts';

describeScenarios('scripts', {}, [
  {
    title: 'a script that succeeds makes the job succeed',
    job: { script: ['echo one', 'echo two'], variables: [NO_GIT] },
    expected: {
      state: 'success',
      log: ['$ echo one', '\none', '$ echo two', '\ntwo', 'Job succeeded'],
    },
  },
  {
    title: 'the exit code of the failing line is that of the job, and later lines do not run',
    job: { script: ['echo before', '(exit 3)', 'echo after'], variables: [NO_GIT] },
    expected: {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: 3,
      log: ['before', 'ERROR: Job failed: exit code 3'],
      never: ['echo after'],
    },
  },
  {
    title: 'a missing command gives exit code 127',
    job: { script: ['no-such-command'], variables: [NO_GIT] },
    expected: { state: 'failed', failureReason: 'script_failure', exitCode: 127 },
  },
  {
    title: 'a failure in a pipe fails the job if the shell has pipefail',
    job: { script: ['false | cat'], variables: [NO_GIT] },
    expected: { state: 'failed', failureReason: 'script_failure', exitCode: 1 },
  },
  {
    title: 'before_script and script share one shell',
    job: { script: ['cd /tmp', 'word=shared', 'echo "$word in $PWD"'], variables: [NO_GIT] },
    expected: { state: 'success', log: [/^shared in \/tmp$/m] },
  },
  {
    title: 'after_script has a shell of its own, and sees files of the script',
    job: {
      script: ['word=lost', 'echo kept > /tmp/kept'],
      afterScript: ['echo "word=<$word>"', 'cat /tmp/kept', 'echo "status $CI_JOB_STATUS"'],
      variables: [NO_GIT],
    },
    expected: {
      state: 'success',
      log: ['Running after_script', 'word=<>', /^kept$/m, 'status success', 'Job succeeded'],
    },
  },
  {
    title: 'after_script runs after a failure, and its own failure changes nothing',
    job: {
      script: ['exit 4'],
      afterScript: ['echo "status $CI_JOB_STATUS"', 'exit 9'],
      variables: [NO_GIT],
    },
    expected: {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: 4,
      log: [
        'status failed',
        'WARNING: after_script failed, but job will continue unaffected: exit code 9',
        'ERROR: Job failed: exit code 4',
      ],
    },
  },
  {
    title: 'after_script fails a successful job when its errors count',
    job: {
      script: ['true'],
      afterScript: ['exit 9'],
      variables: [NO_GIT, { key: 'AFTER_SCRIPT_IGNORE_ERRORS', value: 'false' }],
    },
    expected: { state: 'failed', failureReason: 'script_failure', exitCode: 9 },
  },
  {
    title: 'a command that reads from standard input finds it empty',
    job: { script: ['cat', 'echo "read nothing"'], variables: [NO_GIT] },
    expected: { state: 'success', log: [/^read nothing$/m] },
  },
  {
    title: 'a multi-line command is shown by its first line',
    job: { script: ['echo a\necho b'], variables: [NO_GIT] },
    expected: { state: 'success', log: ['$ echo a # collapsed multi-line command', /^a\nb$/m] },
  },
  {
    title: 'quotes, dollars and backslashes reach the shell as they are',
    job: { script: [`printf '%s|' "a'b" 'c"d' '$HOME' 'e\\f'; echo`], variables: [NO_GIT] },
    expected: { state: 'success', log: [`a'b|c"d|$HOME|e\\f|`] },
  },
  {
    title: 'xtrace shows each command when CI_DEBUG_TRACE is set',
    job: {
      script: ['echo traced'],
      variables: [NO_GIT, { key: 'CI_DEBUG_TRACE', value: 'true' }],
    },
    expected: { state: 'success', log: [/^\++ echo traced$/m] },
  },
  {
    title: 'variables written to GITLAB_ENV are set in the next stage',
    job: {
      script: ['echo "FROM_SCRIPT=handed over" >> "$GITLAB_ENV"'],
      afterScript: ['echo "got $FROM_SCRIPT"'],
      variables: [NO_GIT],
    },
    expected: { state: 'success', log: ['got handed over'] },
  },
  {
    title: 'a script of ten thousand lines runs to its end',
    job: {
      script: Array.from({ length: 10_000 }, (_, i) => (i === 9_999 ? 'echo last-line' : ':')),
      variables: [NO_GIT],
    },
    expected: { state: 'success', log: [/^last-line$/m, 'Job succeeded'] },
  },
  {
    title: 'a script with a NUL byte fails, and the log says why',
    job: { script: ['echo a\u0000b'], variables: [NO_GIT] },
    expected: {
      state: 'failed',
      failureReason: 'runner_system_failure',
      exitCode: 3,
      log: [/NUL/],
    },
  },
]);
