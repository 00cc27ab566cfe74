import { describeScenarios, JOB_IMAGE, NO_GIT, type Scenario } from '../support/scenario.ts';
import { BUSYBOX, DEBUG, shell, serving, PORT, ask } from '../support/service-jobs.ts';

const POSTGRES = 'temporal-gitlab-runner/postgres:local';
const REDIS = 'temporal-gitlab-runner/redis:local';
const PASSWORD = { key: 'POSTGRES_PASSWORD', value: 'not-a-secret' };
const OWN_NETWORK = { key: 'FF_NETWORK_PER_BUILD', value: 'true' };

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
        'Waiting for services to be up and running (timeout 20 seconds)...',
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
    wait_for_services_timeout = 20
    [[runners.docker.services]]
      name = "${BUSYBOX}"
      alias = "of-the-config"
      entrypoint = ["sh", "-c", "while true; do echo $WORDS | nc -l -p 4000; done"]
      environment = ["WORDS=of the config", "HEALTHCHECK_TCP_PORT=4000"]
`,
  },
  WAITS,
);
