import { test } from 'node:test';
import { makeZip } from '../support/make-zip.ts';
import { whyNoInit } from '../support/podman.ts';
import { describeScenarios, JOB_IMAGE, NO_GIT } from '../support/scenario.ts';
import type { FakeVariable } from '../support/fake-gitlab/types.ts';

const on = (key: string): FakeVariable => ({ key, value: 'true' });
const off = (key: string): FakeVariable => ({ key, value: 'false' });
const NON_ROOT_IMAGE = 'temporal-gitlab-runner/nonroot:local';

const FOR_THE_USER = [NO_GIT, on('FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR')];
const KEPT = { cache: [{ key: 'kept', paths: ['vendor/'] }] };

describeScenarios('feature flags', {}, [
  {
    title:
      'flags without their default value are named in the header, and every flag is a variable',
    job: {
      script: ['echo "$FF_SCRIPT_SECTIONS $FF_TIMESTAMPS $FF_USE_FASTZIP"'],
      variables: [NO_GIT, on('FF_SCRIPT_SECTIONS')],
    },
    expected: {
      state: 'success',
      log: ['feature flags: FF_SCRIPT_SECTIONS:true', /^true true true$/m],
    },
  },
  {
    title: 'a flag whose value is no boolean causes a warning and keeps its default',
    job: {
      script: ['echo "$FF_SCRIPT_SECTIONS"'],
      variables: [NO_GIT, { key: 'FF_SCRIPT_SECTIONS', value: 'perhaps' }],
    },
    expected: {
      state: 'success',
      log: [
        'WARNING: FF_SCRIPT_SECTIONS: could not parse feature flag, expected bool, got "perhaps"',
        /^false$/m,
      ],
    },
  },
  {
    title: 'FF_SCRIPT_SECTIONS shows a command of several lines as a collapsed section',
    job: {
      script: ['echo one\necho two'],
      variables: [NO_GIT, on('FF_SCRIPT_SECTIONS')],
    },
    expected: { state: 'success', log: ['$ echo one', 'echo two', /^one\ntwo$/m] },
  },
  {
    title: 'FF_ENABLE_BASH_EXIT_CODE_CHECK ends a script where errexit does not',
    job: {
      script: ['set +e', 'false', 'echo never-here'],
      variables: [NO_GIT, on('FF_ENABLE_BASH_EXIT_CODE_CHECK')],
    },
    expected: {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: 1,
      never: ['$ echo never-here'],
    },
  },
  {
    title: 'FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR gives the sources to the user of the image',
    job: {
      image: NON_ROOT_IMAGE,
      script: [
        'test "$(id -u)" != 0',
        'test "$(stat -c %u README.md)" = "$(id -u)" && echo "mine"',
        'test "$(stat -c %a README.md)" = 644 && echo "not for all"',
        'echo more >> README.md',
      ],
      variables: [on('FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR')],
    },
    expected: {
      state: 'success',
      log: [/Changing ownership of files at "\/builds\/.*" to \d+:\d+/, /^mine$/m, 'not for all'],
    },
  },
  {
    title: 'FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR gives the user artifacts and caches too',
    docker: '    volumes = ["/cache"]',
    job: {
      image: NON_ROOT_IMAGE,
      variables: FOR_THE_USER,
      payload: KEPT,
      dependencies: [{ name: 'compile', archive: makeZip([{ name: 'out/file', content: 'x' }]) }],
      script: [
        'test "$(stat -c %u:%g out/file)" = "$(id -u):$(id -g)" && echo "mine"',
        'stat -c "%a for the directory" out',
        'mkdir vendor && echo kept > vendor/file',
      ],
    },
    expected: { state: 'success', log: [/^mine$/m, /^755 for the directory$/m, 'Created cache'] },
    next: {
      job: {
        image: NON_ROOT_IMAGE,
        variables: FOR_THE_USER,
        payload: KEPT,
        script: ['test "$(stat -c %u:%g vendor/file)" = "$(id -u):$(id -g)" && cat vendor/file'],
      },
      expected: { state: 'success', log: ['Successfully extracted cache', /^kept$/m] },
    },
  },
  {
    title: 'FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR gives the user file variables, whose modes stay',
    job: {
      image: NON_ROOT_IMAGE,
      script: ['stat -c "first %a of %U" "$KEY"', 'chmod 400 "$KEY"', 'whoami'],
      afterScript: ['stat -c "then %a" "$KEY"', 'cat "$KEY"'],
      variables: [
        on('FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR'),
        { key: 'KEY', value: 'a key', file: true },
      ],
    },
    expected: {
      state: 'success',
      log: [/^first 644 of (\w+)$[^]*^\1$/m, /^then 400$/m, /^a key$/m],
    },
  },
  {
    title: 'without FF_DISABLE_UMASK_FOR_DOCKER_EXECUTOR everybody may write to the sources',
    job: {
      image: NON_ROOT_IMAGE,
      script: ['test "$(stat -c %a README.md)" = 666', 'echo more >> README.md'],
    },
    expected: { state: 'success' },
  },
  {
    title: 'FF_GIT_URLS_WITHOUT_TOKENS lets git ask for the token, and no file holds it',
    job: {
      script: [
        'git fetch -q origin && echo fetched',
        'grep -rqF "$CI_JOB_TOKEN" .git "$CI_PROJECT_DIR.tmp" || echo "in no file"',
      ],
      variables: [on('FF_GIT_URLS_WITHOUT_TOKENS')],
    },
    expected: { state: 'success', log: [/^in no file$/m] },
  },
  {
    title: 'FF_GIT_URLS_WITHOUT_TOKENS gives git the token in a job without sources too',
    job: {
      script: ['cat "$GIT_CONFIG_GLOBAL" "$CI_PROJECT_DIR.tmp/.gitlab-runner.ext.conf"'],
      variables: [NO_GIT, on('FF_GIT_URLS_WITHOUT_TOKENS')],
    },
    expected: { state: 'success', log: ['.gitlab-runner.ext.conf', 'password=${CI_JOB_TOKEN}'] },
  },
  {
    title: 'FF_ENABLE_JOB_CLEANUP cleans the checkout after a job',
    job: { script: ['touch left-over'], variables: [on('FF_ENABLE_JOB_CLEANUP')] },
    expected: {
      state: 'success',
      log: ['Cleaning up project directory', 'Removing left-over', 'Job succeeded'],
    },
  },
  {
    title: 'FF_LOG_IMAGES_CONFIGURED_FOR_JOB names images in the log of the node, not of the job',
    job: {
      image: JOB_IMAGE,
      script: ['true'],
      variables: [NO_GIT, on('FF_LOG_IMAGES_CONFIGURED_FOR_JOB')],
    },
    meanwhile: async (_job, { runner }) => {
      await runner.whenLog(/temporal-gitlab-runner\/job:local.*"Image configured for job"/);
    },
    expected: { state: 'success', never: ['Image configured for job'] },
  },
  {
    title: 'FF_TIMESTAMPS=false: lines have no timestamps',
    job: { script: ['echo plain'], variables: [NO_GIT, off('FF_TIMESTAMPS')] },
    expected: { state: 'success', log: ['\nplain\n'], never: ['Z 01O plain'] },
  },
  {
    title: 'FF_USE_GIT_NATIVE_CLONE clones, or fetches when git is too old to clone so',
    job: {
      script: ['git rev-parse HEAD 2>/dev/null || ls README.md'],
      variables: [
        on('FF_USE_GIT_NATIVE_CLONE'),
        { key: 'GIT_STRATEGY', value: 'clone' },
        { key: 'GIT_CLONE_EXTRA_FLAGS', value: '--no-tags' },
      ],
    },
    expected: { state: 'success', log: [/^(?:Cloning repository for main|Fetching changes)/m] },
  },
  {
    title: 'flags about how a shell gets its script change nothing for a job',
    job: {
      script: ["printf '%s\\n' 'a\tb' \"c'd\"", 'cat', 'echo end'],
      variables: [NO_GIT, on('FF_USE_LEGACY_BASH_EVAL'), on('FF_POSIXLY_CORRECT_ESCAPES')],
    },
    expected: { state: 'success', log: [/^a\tb$/m, /^c'd$/m, /^end$/m] },
  },
  {
    title: 'FF_USE_NATIVE_CONTAINER_STOP: a canceled job is stopped by Docker’s own stop alone',
    job: {
      script: ['echo begun', 'sleep 120'],
      variables: [NO_GIT, on('FF_USE_NATIVE_CONTAINER_STOP')],
    },
    meanwhile: async (job) => {
      await job.whenLog(/^begun$/m);
      job.cancel();
    },
    expected: { state: 'canceled', log: ['begun'] },
  },
  {
    title: 'the log of a job of an execution policy says whose variables count',
    job: {
      script: ['true'],
      variables: [NO_GIT],
      payload: {
        policy_options: {
          execution_policy_job: true,
          policy_name: 'Scan everything',
          policy_variables_override_allowed: false,
          policy_variables_override_exceptions: ['SCAN_DEPTH'],
        },
      },
    },
    expected: {
      state: 'success',
      log: [
        'Job triggered by policy "Scan everything".',
        'User-defined CI/CD variables are ignored in this job (except for SCAN_DEPTH)',
        'Executing "step_script"',
      ],
    },
  },
]);

const noInit = await whyNoInit();
if (noInit === undefined) {
  describeScenarios('an init program', {}, [
    {
      title: 'FF_USE_INIT_WITH_DOCKER_EXECUTOR puts an init before the script',
      job: {
        script: ["tr '\\0' ' ' < /proc/1/cmdline; echo"],
        variables: [NO_GIT, on('FF_USE_INIT_WITH_DOCKER_EXECUTOR')],
      },
      expected: { state: 'success', log: [/init/] },
    },
    {
      title: 'a script behind an init that kills its own shell has failed with exit code 137',
      job: {
        // The init ends with the shell, and may end the process that copies the output before it has
        // copied all of it.
        script: ['kill -9 $$; sleep 60', 'echo after'],
        variables: [NO_GIT, on('FF_USE_INIT_WITH_DOCKER_EXECUTOR')],
      },
      expected: {
        ...{ state: 'failed', failureReason: 'script_failure', exitCode: 137 },
        ...{ log: [/^ERROR: Job failed: exit code 137$/m], never: ['\nafter\n'] },
      },
    },
  ]);
} else {
  void test('an init program', { skip: noInit }, () => undefined);
}

describeScenarios(
  'feature flags of the configuration',
  { runnerToml: '  [runners.feature_flags]\n    FF_SCRIPT_SECTIONS = true' },
  [
    {
      title: 'a flag of the configuration cannot be changed by a job',
      job: {
        script: ['echo "<$FF_SCRIPT_SECTIONS>"'],
        variables: [NO_GIT, off('FF_SCRIPT_SECTIONS')],
      },
      expected: { state: 'success', log: [/^<true>$/m] },
    },
  ],
);
