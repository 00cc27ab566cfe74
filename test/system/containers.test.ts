import { describeScenarios, JOB_IMAGE, NO_GIT } from '../support/scenario.ts';

const VARIABLES = [NO_GIT];

describeScenarios(
  'images and containers',
  {
    dockerToml: [
      '    memory = "256m"',
      '    allowed_pull_policies = ["if-not-present", "never"]',
      '    cpus = "1.5"',
      '    volumes = ["/cache"]',
    ].join('\n'),
  },
  [
    {
      title: 'a job without an image gets that of the config',
      job: { script: ['echo here'], variables: VARIABLES },
      expected: { state: 'success', log: [`Using Docker executor with image ${JOB_IMAGE}`] },
    },
    {
      title: 'an image that does not exist fails the job as a configuration error',
      job: {
        image: 'temporal-gitlab-runner/no-such-image:never',
        script: ['true'],
        variables: VARIABLES,
        payload: {
          image: { name: 'temporal-gitlab-runner/no-such-image:never', pull_policy: ['never'] },
        },
      },
      expected: {
        state: 'failed',
        failureReason: 'runner_configuration_error',
        log: ['no-such-image', 'ERROR: Job failed'],
      },
    },
    {
      title: 'a pull policy that the config does not allow fails the job, and the log names both',
      job: {
        script: ['true'],
        variables: VARIABLES,
        payload: { image: { name: JOB_IMAGE, pull_policy: ['always'] } },
      },
      expected: {
        state: 'failed',
        failureReason: 'runner_configuration_error',
        log: [/invalid pull policy .*\(\[always\]\) .*\(\[if-not-present never\]\)/],
      },
    },
    {
      title: 'an empty entrypoint in the job removes that of the image',
      job: {
        script: ['echo ran'],
        variables: VARIABLES,
        payload: { image: { name: JOB_IMAGE, entrypoint: [''] } },
      },
      expected: { state: 'success', log: [/^ran$/m] },
    },
    {
      title: 'an entrypoint runs before the script, and its output is in the log',
      job: {
        script: ['echo "script $ADDED"'],
        variables: VARIABLES,
        payload: {
          image: {
            name: JOB_IMAGE,
            entrypoint: ['sh', '-c', 'echo entrypoint speaks; export ADDED=yes; exec "$@"', 'sh'],
          },
        },
      },
      expected: { state: 'success', log: ['entrypoint speaks', /^script yes$/m] },
    },
    {
      title: 'docker:user of the job runs the script, and can write to the checkout',
      job: {
        script: ['id -u', 'touch written-by-user'],
        payload: {
          image: { name: JOB_IMAGE, executor_opts: { docker: { user: '1234' } } },
        },
      },
      expected: { state: 'success', log: [/^1234$/m] },
    },
    {
      title: 'memory and cpus of the config limit the container',
      job: {
        script: [
          'cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes',
        ],
        variables: VARIABLES,
      },
      expected: { state: 'success', log: [/^268435456$/m] },
    },
    {
      title: 'a job that uses more memory than it may is killed, and the log says why',
      job: {
        script: ['tail -c 600000000 /dev/zero | tail -n 1 > /dev/null'],
        variables: VARIABLES,
      },
      expected: { state: 'failed', failureReason: 'script_failure', exitCode: 137 },
    },
    {
      title: 'the next job of the project finds the files in a cache volume',
      job: { script: ['touch /cache/kept', 'ls /cache'], variables: VARIABLES },
      expected: { state: 'success', log: [/^kept$/m] },
    },
    {
      title: 'unknown executor options are refused by name',
      job: {
        script: ['true'],
        variables: VARIABLES,
        payload: { image: { name: JOB_IMAGE, executor_opts: { docker: { flavour: 'x' } } } },
      },
      expected: {
        state: 'failed',
        failureReason: 'runner_system_failure',
        exitCode: 3,
        log: [/unsupported executor options .*flavour/],
      },
    },
    {
      title: 'the processes of a job see neither the node’s files nor Docker',
      job: {
        script: [
          'test ! -e /var/run/docker.sock',
          'test "$(ls /.temporal-gitlab-runner | xargs)" = "bell output script state turn"',
        ],
        variables: VARIABLES,
      },
      expected: { state: 'success' },
    },
    {
      title: 'a job that asks for a network of its own gets one',
      job: {
        script: ['echo "network $CI_BUILD_NETWORK_NAME"'],
        variables: [...VARIABLES, { key: 'FF_NETWORK_PER_BUILD', value: 'true' }],
      },
      expected: { state: 'success', log: [/^network runner-\S+$/m] },
    },
  ],
);
