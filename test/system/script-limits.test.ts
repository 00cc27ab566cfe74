import { describeScenarios, NO_GIT } from '../support/scenario.ts';

const LONG = 'x'.repeat(200_000);

describeScenarios('scripts at their limits', {}, [
  {
    title: 'a line of 200,000 characters is in the log as one line',
    job: {
      script: ['head -c 200000 /dev/zero | tr "\\0" x; echo; echo behind'],
      variables: [NO_GIT],
    },
    expected: { state: 'success', log: [LONG, /^behind$/m] },
  },
  {
    title: 'a command of 100,000 characters runs, and the log shows all of it',
    job: { script: [`echo ${'y'.repeat(100_000)} | wc -c`], variables: [NO_GIT] },
    expected: { state: 'success', log: [`$ echo ${'y'.repeat(100_000)}`, /^100001$/m] },
  },
  {
    title: 'binary output disturbs neither the log nor the job',
    job: { script: ['head -c 100000 /bin/sh', 'echo', 'echo behind'], variables: [NO_GIT] },
    expected: { state: 'success', log: [/^behind$/m, 'Job succeeded'] },
  },
  {
    title: 'bytes that are not UTF-8 pass unchanged through the environment',
    job: {
      script: [`export ODD="$(printf '\\377\\376')"`, `sh -c 'printf %s "$ODD" | od -An -tx1'`],
      variables: [NO_GIT],
    },
    expected: { state: 'success', log: [/^ ff fe$/m] },
  },
  {
    title: 'a megabyte of variables reaches the programs of a script',
    job: {
      script: ['env | grep "^BIG_" | wc -c'],
      variables: [
        NO_GIT,
        ...Array.from({ length: 10 }, (_, i) => ({ key: `BIG_${i}`, value: 'v'.repeat(100_000) })),
      ],
    },
    expected: { state: 'success', log: [/^1000070$/m] },
  },
  {
    title: 'a variable whose name no shell can have is left out with a warning',
    job: {
      script: ['echo "<$GOOD>"'],
      variables: [NO_GIT, { key: 'BAD-NAME', value: 'x' }, { key: 'GOOD', value: 'good' }],
    },
    expected: { state: 'success', log: [/WARNING: .*BAD-NAME/, '<good>'] },
  },
  {
    title: 'the highest exit code is reported unchanged',
    job: { script: ['exit 255'], variables: [NO_GIT] },
    expected: { state: 'failed', failureReason: 'script_failure', exitCode: 255 },
  },
  {
    title: 'a command killed by a signal fails the job with 128 and the signal',
    job: { script: [`sh -c 'kill -9 $$'`], variables: [NO_GIT] },
    expected: { state: 'failed', failureReason: 'script_failure', exitCode: 137 },
  },
  {
    title: 'a failure that the script handles does not fail the job',
    job: {
      script: ['false || echo dealt-with', 'if ! false; then echo again; fi'],
      variables: [NO_GIT],
    },
    expected: { state: 'success', log: [/^dealt-with$/m, /^again$/m] },
  },
  {
    title: 'a read from standard input ends at once',
    job: { script: ['read -r line || echo nothing-to-read'], variables: [NO_GIT] },
    expected: { state: 'success', log: [/^nothing-to-read$/m] },
  },
  {
    title: 'a process left in the background does not delay the end of the job',
    job: { script: ['sleep 600 & echo left-behind'], variables: [NO_GIT] },
    expected: { state: 'success', log: [/^left-behind$/m, 'Job succeeded'] },
  },
  {
    title: 'a script may close its own output',
    job: { script: ['echo before', 'exec >&- 2>&-; exit 7'], variables: [NO_GIT] },
    expected: {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: 7,
      log: [/^before$/m, 'ERROR: Job failed: exit code 7'],
    },
  },
  {
    title: 'a last line without a newline is shown',
    job: { script: ['printf no-newline'], variables: [NO_GIT] },
    expected: { state: 'success', log: ['no-newline', 'Job succeeded'] },
  },
  {
    title: 'a value in GITLAB_ENV may hold spaces and equal signs, and the last one counts',
    job: {
      script: ['echo "HANDED=first" >> "$GITLAB_ENV"', 'echo "HANDED=a b=c" >> "$GITLAB_ENV"'],
      afterScript: ['echo "<$HANDED>"'],
      variables: [NO_GIT],
    },
    expected: { state: 'success', log: ['<a b=c>'] },
  },
]);

describeScenarios(
  'a runner that forbids debug traces',
  { runnerToml: '  debug_trace_disabled = true' },
  [
    {
      title: 'does not trace commands, and logs that the job asked for it',
      job: {
        script: ['echo untraced'],
        variables: [NO_GIT, { key: 'CI_DEBUG_TRACE', value: 'true' }],
      },
      expected: {
        state: 'success',
        log: ['CI_DEBUG_TRACE', /^untraced$/m],
        never: ['+ echo untraced'],
      },
    },
  ],
);
