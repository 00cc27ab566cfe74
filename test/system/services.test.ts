import { describeScenarios, JOB_IMAGE, NO_GIT, type Scenario } from '../support/scenario.ts';

const POSTGRES = 'temporal-gitlab-runner/postgres:local';
const REDIS = 'temporal-gitlab-runner/redis:local';
const BUSYBOX = 'temporal-gitlab-runner/busybox:local';
const PASSWORD = { key: 'POSTGRES_PASSWORD', value: 'not-a-secret' };
const OWN_NETWORK = { key: 'FF_NETWORK_PER_BUILD', value: 'true' };
const DEBUG = { key: 'CI_DEBUG_SERVICES', value: 'true' };

const DOCKER_TOML = `
    allowed_pull_policies = ["if-not-present", "never"]
    wait_for_services_timeout = 8
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

/** A service of busybox that runs a line of shell, which may answer on a port. */
function shell(line: string, more: Readonly<Record<string, unknown>> = {}) {
  return { name: BUSYBOX, entrypoint: ['sh', '-c', line], ...more };
}

function serving(words: string, port = 4000): string {
  return `while true; do echo ${words} | nc -l -p ${port}; done`;
}

const PORT = (value: string) => [{ key: 'HEALTHCHECK_TCP_PORT', value }];

/** Reads the answer of a service on its port with bash alone. */
function ask(host: string, port = 4000): string {
  return `until bash -c 'cat < /dev/tcp/${host}/${port}' 2>/dev/null; do sleep 0.2; done`;
}

const TALKS: readonly Scenario[] = [
  {
    title: 'a job reaches PostgreSQL by the name of its image, once it listens',
    job: {
      image: POSTGRES,
      script: [
        'export PGPASSWORD=$POSTGRES_PASSWORD',
        'psql -h temporal-gitlab-runner__postgres -U postgres -tc "select 6 * 7 as answer"',
      ],
      variables: [NO_GIT, PASSWORD],
      payload: { services: [{ name: POSTGRES }] },
    },
    expected: {
      state: 'success',
      log: [
        'Starting service temporal-gitlab-runner/postgres:local...',
        'Waiting for services to be up and running (timeout 30 seconds)...',
        /^\s*42$/m,
      ],
    },
  },
  {
    title: 'a job with its own network reaches PostgreSQL and Redis by their aliases',
    job: {
      image: POSTGRES,
      script: [
        'export PGPASSWORD=$POSTGRES_PASSWORD',
        'psql -h db -U postgres -tc "select 6 * 7 as answer"',
        `bash -c 'exec 3<>/dev/tcp/cache/6379; printf "PING\\r\\n" >&3; head -n 1 <&3'`,
      ],
      variables: [NO_GIT, PASSWORD, OWN_NETWORK],
      payload: {
        services: [
          { name: POSTGRES, alias: 'db' },
          { name: REDIS, alias: 'cache,other' },
        ],
      },
    },
    expected: { state: 'success', log: [/^\s*42$/m, '+PONG'] },
  },
  {
    title: 'every alias, separated by space or comma, and the image’s path lead to the service',
    job: {
      image: REDIS,
      script: [
        'for host in one two three temporal-gitlab-runner__redis temporal-gitlab-runner-redis; do ' +
          'echo "$host $(redis-cli -h $host ping)"; done',
      ],
      variables: [NO_GIT],
      payload: { services: [{ name: REDIS, alias: 'one two,three' }] },
    },
    expected: {
      state: 'success',
      log: ['one PONG', 'two PONG', 'three PONG', '__redis PONG', '-redis PONG'],
    },
  },
  {
    title: 'a service keeps data of the script, and still runs in after_script',
    job: {
      image: REDIS,
      script: ['redis-cli -h redis set key kept-by-the-service'],
      afterScript: ['redis-cli -h redis get key'],
      variables: [NO_GIT],
      payload: { services: [{ name: REDIS, alias: 'redis' }] },
    },
    expected: { state: 'success', log: ['OK', /^kept-by-the-service$/m] },
  },
  {
    title: 'a service in a network of the job’s own reaches the job by the name "build"',
    job: {
      image: JOB_IMAGE,
      script: [ask('back')],
      variables: [NO_GIT, OWN_NETWORK],
      payload: {
        services: [
          shell(
            'until ping -c 1 -W 1 build >/dev/null 2>&1; do sleep 0.2; done; ' +
              serving('I-see-the-job'),
            { alias: 'back' },
          ),
        ],
      },
    },
    expected: { state: 'success', log: ['has no exposed ports', /^I-see-the-job$/m] },
  },
  {
    title: 'a job that is canceled while it waits for its services ends at once',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT, DEBUG],
      payload: {
        services: [
          shell('while true; do echo still-starting; sleep 0.5; done', {
            alias: 'x',
            variables: PORT('4000'),
          }),
        ],
      },
    },
    meanwhile: async (job) => {
      await job.whenLog(/Waiting for services/);
      job.cancel();
    },
    expected: { state: 'canceled', never: ['script-ran', "didn't start properly"] },
  },
];

describeScenarios('services that a job uses', {}, TALKS);

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
    title: 'a name that is no image name fails the job as a configuration error',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: { services: [{ name: 'temporal-gitlab-runner/UPPER' }] },
    },
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: ['invalid service image name: "temporal-gitlab-runner/UPPER"'],
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

const WAITS: readonly Scenario[] = [
  {
    title: 'a job waits for a slow service on the port that the service’s variables name',
    job: {
      script: [ask('slow')],
      variables: [NO_GIT],
      payload: {
        services: [
          shell(`sleep 3; ${serving('slow-but-there')}`, {
            alias: 'slow',
            variables: PORT('4000'),
          }),
        ],
      },
    },
    expected: { state: 'success', log: [/^slow-but-there$/m], never: ["didn't start properly"] },
  },
  {
    title: 'a service that never listens is reported with its log, and the job runs nevertheless',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: {
        services: [
          shell('echo I will never listen; exec sleep 600', {
            alias: 'mute',
            variables: PORT('4000'),
          }),
        ],
      },
    },
    expected: {
      state: 'success',
      log: [
        'Waiting for services to be up and running (timeout 8 seconds)...',
        /\*\*\* WARNING: Service runner-\S+-temporal-gitlab-runner__busybox-1 probably didn't start properly/,
        'Health check error:',
        /-wait-for-service" timeout/,
        'Health check container logs:',
        /waiting for TCP connection to [\d.]+ on \[4000\]/,
        'Service container logs:',
        /\dZ I will never listen/,
        '*********',
        /^script-ran$/m,
      ],
    },
  },
  {
    title:
      'a service that ends is reported at once with its exit code, while the job waits for the others',
    job: {
      script: [ask('other')],
      variables: [NO_GIT],
      payload: {
        services: [
          shell('echo no config found; exit 3', { alias: 'broken', variables: PORT('4000') }),
          shell(`sleep 1; ${serving('other-is-there')}`, {
            alias: 'other',
            variables: PORT('4000'),
          }),
        ],
      },
    },
    expected: {
      state: 'success',
      log: ['has ended with exit code 3', 'no config found', /^other-is-there$/m],
    },
  },
  {
    title: 'a service without a port is reported with its log, and the job does not wait for it',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: { services: [shell('echo portless; exec sleep 600', { alias: 'portless' })] },
    },
    expected: {
      state: 'success',
      log: [/service "\S+" has no exposed ports/, 'portless', /^script-ran$/m],
    },
  },
  {
    title: 'an invalid port fails the job, and the log names it',
    job: {
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: { services: [shell('sleep 600', { alias: 'x', variables: PORT('http') })] },
    },
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: ['invalid health check tcp port: "http"'],
    },
  },
  {
    title: 'a service of the configuration runs beside every job with its own environment',
    job: { script: [ask('of-the-config')], variables: [NO_GIT] },
    expected: { state: 'success', log: [/^of the config$/m] },
  },
];

describeScenarios(
  'waiting for services',
  {
    dockerToml: `
    wait_for_services_timeout = 8
    [[runners.docker.services]]
      name = "${BUSYBOX}"
      alias = "of-the-config"
      entrypoint = ["sh", "-c", "while true; do echo $WORDS | nc -l -p 4000; done"]
      environment = ["WORDS=of the config", "HEALTHCHECK_TCP_PORT=4000"]
`,
  },
  WAITS,
);
