import { describeScenarios, JOB_IMAGE, NO_GIT } from '../support/scenario.ts';

const POSTGRES = 'temporal-gitlab-runner/postgres:local';
const REDIS = 'temporal-gitlab-runner/redis:local';
const PASSWORD = { key: 'POSTGRES_PASSWORD', value: 'not-a-secret' };
const OWN_NETWORK = { key: 'FF_NETWORK_PER_BUILD', value: 'true' };

const DOCKER_TOML = `
    allowed_pull_policies = ["if-not-present", "never"]
    wait_for_services_timeout = 30
`;

/** Says hello to whoever asks at its port. */
const SERVE = ['/bin/sh', '-c'];

/** A conversation with Redis by bash alone. */
const PING_REDIS = 'exec 3<>/dev/tcp/$HOST/6379; printf "PING\\r\\n" >&3; head -n 1 <&3';

describeScenarios('services', { dockerToml: DOCKER_TOML }, [
  {
    title: 'a job talks to PostgreSQL by the name of its image, once it listens',
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
    title: 'a job talks to PostgreSQL and Redis in a network of its own, each by its alias',
    job: {
      image: POSTGRES,
      script: [
        'export PGPASSWORD=$POSTGRES_PASSWORD',
        'psql -h db -U postgres -tc "select 6 * 7 as answer"',
        `export HOST=cache; bash -c '${PING_REDIS}'`,
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
    title: 'every alias leads to the service, by space or comma, and the path of its image too',
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
    title: 'a service that does not exist fails the job as a matter of configuration',
    job: {
      image: JOB_IMAGE,
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: {
        services: [{ name: 'temporal-gitlab-runner/no-such-service:1', pull_policy: ['never'] }],
      },
    },
    expected: {
      state: 'failed',
      failureReason: 'runner_configuration_error',
      log: ['no-such-service:1'],
    },
  },
  {
    title: 'a service that never listens is told with its log, and the job runs all the same',
    job: {
      image: JOB_IMAGE,
      script: ['echo script-ran'],
      variables: [NO_GIT],
      payload: {
        services: [
          {
            name: JOB_IMAGE,
            alias: 'slow',
            entrypoint: SERVE,
            command: ['echo I will never listen; exec sleep 600'],
            variables: [{ key: 'HEALTHCHECK_TCP_PORT', value: '4000' }],
          },
        ],
      },
    },
    expected: {
      state: 'success',
      log: [
        /\*\*\* WARNING: Service runner-\S+-temporal-gitlab-runner__job-0 probably didn't start properly/,
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
]);
