import { describeScenarios, NO_GIT } from '../support/scenario.ts';

const SECRET = 'tOp-SeCrEt-4711';

describeScenarios('variables', { runnerToml: '  environment = ["FROM_CONFIG=config value"]' }, [
  {
    title: 'a masked variable never shows in any form of output',
    job: {
      script: [
        'echo "direct $PASSWORD"',
        `printf '%s' "\${PASSWORD%%-*}"; sleep 0.3; printf '%s\\n' "-\${PASSWORD#*-}"`,
        'echo "$PASSWORD$PASSWORD"',
      ],
      variables: [NO_GIT, { key: 'PASSWORD', value: SECRET, masked: true }],
    },
    expected: {
      state: 'success',
      log: ['direct [MASKED]', /^\[MASKED\]$/m, /^\[MASKED\]\[MASKED\]$/m],
      never: [SECRET],
    },
  },
  {
    title: 'a masked value of several lines is masked completely',
    job: {
      script: ['echo "$KEY"'],
      variables: [NO_GIT, { key: 'KEY', value: 'line-one\nline-two', masked: true }],
    },
    expected: { state: 'success', log: ['[MASKED]'], never: ['line-one', 'line-two'] },
  },
  {
    title: 'tokens of GitLab are masked by their beginning',
    job: { script: ['echo "glpat-abcdefgh12345"'], variables: [NO_GIT] },
    expected: { state: 'success', log: ['glpat-[MASKED]'], never: ['glpat-abcdefgh'] },
  },
  {
    title: 'a file variable is a path to its exact content',
    job: {
      script: ['echo "at $CONFIG"', 'od -c "$CONFIG" | head -1', 'wc -c < "$CONFIG"'],
      variables: [NO_GIT, { key: 'CONFIG', value: 'two\nlines', file: true }],
    },
    expected: {
      state: 'success',
      log: [/^at \/builds\/.*\.tmp\/CONFIG$/m, /t\s+w\s+o\s+\\n/, /^9$/m],
    },
  },
  {
    title: 'a file variable keeps the mode that the script has given it',
    job: {
      script: ['stat -c "first %a" "$KEY"', 'chmod 400 "$KEY"', 'echo changed > "$KEY"'],
      afterScript: ['stat -c "then %a" "$KEY"', 'cat "$KEY"'],
      variables: [NO_GIT, { key: 'KEY', value: 'a key', file: true }],
    },
    expected: { state: 'success', log: [/^first 666$/m, /^then 400$/m, /^a key$/m] },
  },
  {
    title: 'variables refer to each other, raw ones do not',
    job: {
      script: ['echo "<$GREETING>"', `echo '<'"$RAW"'>'`],
      variables: [
        NO_GIT,
        { key: 'NAME', value: 'world' },
        { key: 'GREETING', value: 'hello $NAME, ${NAME}, $$NAME' },
        { key: 'RAW', value: 'hello $NAME', raw: true },
      ],
    },
    expected: { state: 'success', log: ['<hello world, world, $NAME>', '<hello $NAME>'] },
  },
  {
    title: 'the last variable of a name counts, and a job’s overrides the config’s',
    job: {
      script: ['echo "$TWICE/$FROM_CONFIG"'],
      variables: [
        NO_GIT,
        { key: 'TWICE', value: 'first' },
        { key: 'TWICE', value: 'second' },
        { key: 'FROM_CONFIG', value: 'job value' },
      ],
    },
    expected: { state: 'success', log: [/^second\/job value$/m] },
  },
  {
    title: 'variables of the config are set when the job has none of that name',
    job: { script: ['echo "$FROM_CONFIG"'], variables: [NO_GIT] },
    expected: { state: 'success', log: [/^config value$/m] },
  },
  {
    title: 'newlines, quotes, dollars and backquotes in values reach the script unchanged',
    job: {
      script: ['printf "%s" "$ODD" | od -An -tx1 | tr -d " \\n"; echo'],
      variables: [NO_GIT, { key: 'ODD', value: 'a\n\'"$(id)`id`\\', raw: true }],
    },
    expected: {
      state: 'success',
      log: [Buffer.from('a\n\'"$(id)`id`\\').toString('hex')],
    },
  },
  {
    title: 'the runner’s own variables are set',
    job: {
      script: [
        'echo "$CI_SERVER $CI_DISPOSABLE_ENVIRONMENT $CI_JOB_STATUS"',
        'echo "$CI_PROJECT_DIR in $CI_BUILDS_DIR"',
        'echo "id <$CI_CONCURRENT_ID> <$CI_CONCURRENT_PROJECT_ID>"',
        'echo "arch $CI_RUNNER_EXECUTABLE_ARCH, does as $CI_RUNNER_VERSION"',
      ],
      variables: [NO_GIT],
    },
    expected: {
      state: 'success',
      log: [
        /^yes true running$/m,
        /^\/builds\/\S+ in \/builds$/m,
        /^id <\d+> <\d+>$/m,
        /linux\/\w+, does as 19\.4\.0$/m,
      ],
    },
  },
  {
    title: 'a variable of a hundred kilobytes reaches the script',
    job: {
      script: ['printf "%s" "$BIG" | wc -c'],
      variables: [NO_GIT, { key: 'BIG', value: 'x'.repeat(100_000) }],
    },
    expected: { state: 'success', log: [/^100000$/m] },
  },
  {
    title: 'a thousand variables reach the script',
    job: {
      script: ['env | grep -c "^MANY_"'],
      variables: [
        NO_GIT,
        ...Array.from({ length: 1_000 }, (_, i) => ({ key: `MANY_${i}`, value: `v${i}` })),
      ],
    },
    expected: { state: 'success', log: [/^1000$/m] },
  },
]);
