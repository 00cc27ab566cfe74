import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseServiceName } from '../../../src/domain/executor/service-name.ts';
import { planServices, type ServicesPlan } from '../../../src/domain/executor/services.ts';
import { buildVariables } from '../../../src/domain/variables/variables.ts';
import type { DockerConfig } from '../../../src/domain/runner/docker-config.ts';
import {
  NO_SERVICES_CONFIG,
  type ServicesConfig,
} from '../../../src/domain/runner/services-config.ts';
import { contextOf } from '../job/context-fixture.ts';

interface Settings {
  readonly services?: readonly object[];
  readonly variables?: readonly object[];
  readonly docker?: Partial<DockerConfig>;
  readonly config?: Partial<ServicesConfig>;
}

function planOf({ services = [], variables = [], docker, config }: Settings): ServicesPlan {
  const plain = contextOf({ job: { services, variables } });
  const changed = {
    ...plain.runner.docker,
    ...docker,
    services: { ...NO_SERVICES_CONFIG, ...config },
  };
  const context = { ...plain, runner: { ...plain.runner, docker: changed } };
  return planServices({
    context,
    variables: buildVariables(context, { jobStatus: 'running' }),
    network: undefined,
    binds: ['volume:/builds'],
  });
}

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('the name of a service', () => {
  const cases: [text: string, path: string, version: string, image: string, why: string][] = [
    ['postgres', 'postgres', 'latest', 'postgres:latest', 'no tag is latest'],
    ['postgres:15-alpine', 'postgres', '15-alpine', 'postgres:15-alpine', 'a tag'],
    ['group/app', 'group/app', 'latest', 'group/app:latest', 'a path'],
    [
      'reg.example.com:5000/a/b:1',
      'reg.example.com/a/b',
      '1',
      'reg.example.com:5000/a/b:1',
      'port',
    ],
    ['localhost:5000/db', 'localhost/db', 'latest', 'localhost:5000/db:latest', 'port, no tag'],
    [`db@${DIGEST}`, 'db', `@${DIGEST}`, `db@${DIGEST}`, 'a digest'],
    [`db:1@${DIGEST}`, 'db', '1', `db:1@${DIGEST}`, 'the tag is the version'],
  ];
  for (const [text, path, version, image, why] of cases) {
    it(`${text.slice(0, 30)} is ${path}: ${why}`, () => {
      const parsed = parseServiceName(text);
      assert.deepEqual([parsed?.path, parsed?.version, parsed?.image], [path, version, image]);
    });
  }

  for (const text of [
    '',
    'Upper',
    'a b',
    'a//b',
    '-a',
    'a:',
    'a:b c',
    'a@sha256:12',
    'x'.repeat(2e3),
  ]) {
    it(`is not ${JSON.stringify(text.slice(0, 20))}`, () => {
      assert.equal(parseServiceName(text), undefined);
    });
  }

  it('is read in linear time, whatever it is', () => {
    assert.equal(parseServiceName(`${'a-'.repeat(490)}!`), undefined);
  });
});

describe('services of a build', () => {
  it('come from the configuration, then from the job, and are named by image and place', () => {
    const { services } = planOf({
      services: [{ name: 'group/redis:7', alias: 'cache, kv' }],
      config: { list: [{ ...CONFIGURED, name: 'postgres:$PG', alias: 'db' }] },
      variables: [{ key: 'PG', value: '15' }],
    });
    assert.deepEqual(
      services.map(({ title, aliases, containerName }) => [
        title,
        aliases,
        containerName.replace(/^.*[0-9a-f]{16}-/, ''),
      ]),
      [
        ['postgres:15', ['postgres', 'db'], 'postgres-0'],
        ['group/redis:7', ['group__redis', 'group-redis', 'cache', 'kv'], 'group__redis-1'],
      ],
    );
  });

  it('never share an alias, never have one of the GitLab server, and are left out when none remains', () => {
    const { services, warnings } = planOf({
      services: [
        { name: 'db', alias: 'x gitlab.example.com' },
        { name: 'db', alias: 'x y' },
        { name: 'db', alias: 'y' },
      ],
    });
    assert.deepEqual(
      services.map(({ index, aliases }) => [index, aliases]),
      [
        [0, ['db', 'x']],
        [1, ['y']],
      ],
    );
    assert.match(warnings[0] ?? '', /"gitlab.example.com" for service "db" \(services\[0\]\)/);
    assert.equal(warnings.length, 5);
  });

  it('are left out when their name is no image name and they have no alias', () => {
    const { services, warnings } = planOf({
      services: [{ name: '$OPTIONAL_SERVICE' }, { name: 'A', alias: ' , ' }, { name: 'redis' }],
    });
    assert.deepEqual(
      services.map(({ index, title }) => [index, title]),
      [[2, 'redis:latest']],
    );
    assert.deepEqual(warnings, [
      'Skipping services[0]: invalid service image name: ""',
      'Skipping services[1]: invalid service image name: "A"',
    ]);
  });

  it('have limits and rights of their own', () => {
    const { services } = planOf({
      services: [{ name: 'docker:dind' }, { name: 'redis' }],
      docker: { privileged: true, memoryBytes: 1, capAdd: ['NET_ADMIN'], dns: ['1.1.1.1'] },
      config: {
        allowedPrivileged: ['docker:*'],
        memoryBytes: 64,
        cgroupParent: '/services',
        gpus: 'all',
        devices: { 'redis:*': ['/dev/fuse'] },
        tmpfs: { '/data': 'rw' },
      },
    });
    const [dind, redis] = services.map(({ container }) => container('image'));
    assert.deepEqual([dind?.privileged, redis?.privileged], [true, false]);
    assert.deepEqual([dind?.devices, redis?.devices], [[], ['/dev/fuse']]);
    assert.equal(redis?.memoryBytes, 64);
    assert.equal(redis.cgroupParent, '/services');
    assert.equal(redis.deviceRequests[0]?.count, -1);
    assert.deepEqual([redis.capAdd, redis.dns, redis.tmpfs], [[], ['1.1.1.1'], { '/data': 'rw' }]);
    assert.deepEqual(redis.binds, ['volume:/builds']);
  });

  it('are not privileged when the configuration excludes services', () => {
    const [service] = planOf({
      services: [{ name: 'redis' }],
      docker: { privileged: true },
      config: { privileged: false },
    }).services;
    assert.equal(service?.container('image').privileged, false);
  });

  it('have the labels of the configuration in both forms', () => {
    const [service] = planOf({
      services: [{ name: 'redis:7' }],
      docker: { containerLabels: { team: 'blue' } },
    }).services;
    const labels = service?.container('image').labels ?? {};
    const prefix = 'com.gitlab.gitlab-runner';
    assert.deepEqual(
      ['type', 'service', 'service.version', 'team'].map((name) => labels[`${prefix}.${name}`]),
      ['service', 'redis', '7', 'blue'],
    );
    assert.equal(labels['team'], 'blue');
  });

  it('get their own variables, and the lines of the configuration', () => {
    const { services } = planOf({
      services: [{ name: 'a', variables: [{ key: 'OWN', value: 'x$HIDDEN' }] }],
      variables: [{ key: 'HIDDEN', value: 'h', public: false }],
      config: {
        list: [
          {
            ...CONFIGURED,
            name: 'b',
            environment: ['K=v=1', 'xpack.security.enabled=false', 'nonsense'],
          },
        ],
      },
    });
    const [b, a] = services.map(({ container }) => container('image').environment);
    assert.ok(b?.includes('K=v=1'));
    assert.ok(b?.includes('xpack.security.enabled=false'));
    assert.ok(a?.includes('OWN=xh'));
    assert.equal(
      a?.some((line) => line.startsWith('HIDDEN=')),
      false,
    );
  });

  it('cause warnings about variables that no process can receive', () => {
    const { services, warnings } = planOf({
      services: [{ name: 'a', variables: [{ key: 'A=B', value: '1' }] }],
      config: { list: [{ ...CONFIGURED, name: 'b', environment: ['=x', 'OK=1'] }] },
    });
    assert.equal(services.length, 2);
    const why = 'not passed (their names or values cannot be in an environment)';
    assert.deepEqual(warnings, [
      `variables of service b:latest ${why}: ""`,
      `variables of service a:latest ${why}: "A=B"`,
    ]);
  });

  const refused: [settings: Settings, message: RegExp, why: string][] = [
    [{ services: [{ name: 'a' }], config: { limit: 0 } }, /requested: 1, only 0/, '0 is a limit'],
    [{ services: [{ name: 'a' }], config: { allowed: ['b'] } }, /allowed services: "b"/, 'a list'],
    [
      { services: [{ name: 'A', alias: 'a' }] },
      /invalid service image name: "A"/,
      'no image, and an alias that nothing would answer to',
    ],
    [
      { services: [{ name: '' }, { name: 'a' }], config: { limit: 1 } },
      /requested: 2, only 1/,
      'one that is left out counts too',
    ],
  ];
  for (const [settings, message, why] of refused) {
    it(`fail the build as a configuration error: ${why}`, () => {
      assert.throws(() => planOf(settings), message);
    });
  }
});

const CONFIGURED = { name: '', alias: '', command: [], entrypoint: [], environment: [] };
