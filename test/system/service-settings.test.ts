import { describeScenarios, NO_GIT, type Scenario } from '../support/scenario.ts';
import { BUSYBOX, DEBUG, shell, serving, PORT, ask } from '../support/service-jobs.ts';

const DOCKER_TOML = `
    allowed_pull_policies = ["if-not-present", "never"]
    wait_for_services_timeout = 20
    service_memory = "64m"
    services_limit = 3
    allowed_services = ["temporal-gitlab-runner/*"]
`;

const CONFIGURED_TOML = `
    [[runners.docker.services]]
      name = "temporal-gitlab-runner/busybox:local"
      alias = "of-the-configuration"
      entrypoint = ["sh", "-c", 'tr "\\0" "\\n" < /proc/1/environ; sleep 60']
      environment = ["xpack.security.enabled=false"]
`;

const SETTINGS: readonly Scenario[] = [
  {
    title: 'two services of one image have different aliases',
    job: {
      script: [ask('first'), ask('second')],
      variables: [NO_GIT],
      payload: {
        services: [
          shell(serving('one'), { alias: 'first', variables: PORT('4000') }),
          shell(serving('two'), { alias: 'second', variables: PORT('4000') }),
        ],
      },
    },
    expected: {
      state: 'success',
      log: [
        'WARNING: Skipping alias "temporal-gitlab-runner__busybox" for service ' +
          '"temporal-gitlab-runner/busybox:local" (services[1]): alias is already in use by another service.',
        /^one$/m,
        /^two$/m,
      ],
    },
  },
  {
    title: 'a service without a free name is not started',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT, DEBUG],
      payload: {
        services: [
          shell(serving('x'), { variables: PORT('4000') }),
          shell('echo second-was-started; sleep 60'),
        ],
      },
    },
    expected: {
      state: 'success',
      log: ['Skipping alias "temporal-gitlab-runner-busybox"', /^script-ran$/m],
      never: ['second-was-started'],
    },
  },
  {
    title: 'an alias that is no host name, or that is GitLab’s, is skipped with a warning',
    job: {
      script: [ask('good')],
      variables: [NO_GIT],
      payload: {
        services: [shell(serving('fine'), { alias: 'a:b good', variables: PORT('4000') })],
      },
    },
    expected: {
      state: 'success',
      log: ['Skipping alias "a:b"', 'it cannot be the name of a host', /^fine$/m],
    },
  },
  {
    title: 'a command without an entrypoint replaces that of the image',
    job: {
      script: [ask('greeter')],
      variables: [NO_GIT],
      payload: {
        services: [
          {
            name: BUSYBOX,
            alias: 'greeter',
            command: ['sh', '-c', serving('by-command')],
            variables: PORT('4000'),
          },
        ],
      },
    },
    expected: { state: 'success', log: [/^by-command$/m] },
  },
  {
    title: 'a service sees public variables and its own, which may refer to all others',
    job: {
      script: ['echo script-ran'],
      variables: [
        NO_GIT,
        DEBUG,
        { key: 'SEEN', value: 'seen-by-all' },
        { key: 'HIDDEN', value: 'hidden-from-services', public: false },
      ],
      payload: {
        services: [
          shell('echo "SEEN=$SEEN HIDDEN=[$HIDDEN] OWN=$OWN"; sleep 60', {
            variables: [{ key: 'OWN', value: 'my-$HIDDEN' }],
          }),
        ],
      },
    },
    expected: {
      state: 'success',
      log: ['SEEN=seen-by-all HIDDEN=[] OWN=my-hidden-from-services'],
    },
  },
  {
    title: 'a variable of a service may have a name that is invalid in a shell',
    docker: CONFIGURED_TOML,
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT, DEBUG],
      payload: {
        services: [
          shell('tr "\\0" "\\n" < /proc/1/environ; sleep 60', {
            alias: 'of-the-job',
            variables: [{ key: 'discovery.type', value: 'single-node' }],
          }),
        ],
      },
    },
    expected: {
      state: 'success',
      log: [
        /xpack\.security\.enabled=false[^]*discovery\.type=single-node|discovery\.type=single-node[^]*xpack\.security\.enabled=false/,
      ],
    },
  },
  {
    title: 'a service that does not exist fails the job as a configuration error',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: {
        services: [{ name: 'temporal-gitlab-runner/no-such:1', pull_policy: ['never'] }],
      },
    },
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: ['Starting service temporal-gitlab-runner/no-such:1...', 'pull policy is "never"'],
    },
  },
  {
    title: 'a service that cannot be started fails the job, and the log names it',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: { services: [{ name: BUSYBOX, command: ['/no/such/program'] }] },
    },
    expected: {
      state: 'failed',
      failureReason: 'runner_system_failure',
      log: ['busybox-0', '/no/such/program'],
    },
  },
  {
    title: 'a name that is no image name, with an alias, fails the job as a configuration error',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: { services: [{ name: 'temporal-gitlab-runner/UPPER', alias: 'upper' }] },
    },
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: ['invalid service image name: "temporal-gitlab-runner/UPPER"'],
    },
  },
  {
    title: 'a name that is no image name, without an alias, costs a warning',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: { services: [{ name: 'temporal-gitlab-runner/UPPER' }] },
    },
    expected: {
      state: 'success',
      log: [
        'WARNING: Skipping services[0]: invalid service image name: "temporal-gitlab-runner/UPPER"',
        /^script-ran$/m,
      ],
    },
  },
  {
    title:
      'a service that the configuration does not allow fails the job, and the log names the list',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: { services: [{ name: 'mysql:8' }] },
    },
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: [
        /"mysql:8" image is not present on list of allowed services: "temporal-gitlab-runner\/\*"/,
      ],
    },
  },
  {
    title: 'more services than the configuration allows fail the job',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: { services: [1, 2, 3, 4].map((n) => shell(serving('x'), { alias: `s${n}` })) },
    },
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: ['too many services requested: 4, only 3 allowed'],
    },
  },
  {
    title: 'a service has its own limits',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT, DEBUG],
      payload: {
        services: [
          shell(
            'echo "limit $(cat /sys/fs/cgroup/memory.max 2>/dev/null || ' +
              'cat /sys/fs/cgroup/memory/memory.limit_in_bytes)"; sleep 60',
          ),
        ],
      },
    },
    expected: { state: 'success', log: ['limit 67108864'] },
  },
  {
    title: 'the log of a service is in the trace, with secrets masked, when the job asks for it',
    job: {
      script: ['sleep 1', 'echo script-ran'],
      variables: [NO_GIT, DEBUG, { key: 'SECRET', value: 'hunter2-hunter2', masked: true }],
      payload: {
        services: [
          shell('echo "the word is $WORD"; sleep 60', {
            alias: 'talker',
            variables: [{ key: 'WORD', value: '$SECRET' }],
          }),
        ],
      },
    },
    expected: {
      state: 'success',
      log: [/\[service:\S+-talker\] \d{4}-\d\d-\d\dT\S+Z the word is \[MASKED\]/, 'script-ran'],
      never: ['hunter2-hunter2'],
    },
  },
];

describeScenarios(
  'services with settings of job and configuration',
  { dockerToml: DOCKER_TOML },
  SETTINGS,
);
