import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CacheConfig } from '../../../src/domain/runner/cache-config.ts';
import { diffConfigs } from '../../../src/domain/runner/config-diff.ts';
import type { InstallationConfig, RunnerConfig } from '../../../src/domain/runner/config.ts';
import type { DockerConfig } from '../../../src/domain/runner/docker-config.ts';
import { configOf, contextOf } from '../job/context-fixture.ts';

const RUNNER = contextOf().runner;
const CACHE: CacheConfig = {
  type: 's3',
  path: '',
  isShared: false,
  maxUploadedArchiveSizeBytes: 0,
  s3: {
    serverAddress: 's3.example.com',
    accessKey: 'hush-old',
    secretKey: 'hush-old',
    sessionToken: '',
    bucketName: 'one',
    bucketLocation: '',
    isInsecure: false,
    authenticationType: '',
    serverSideEncryption: '',
    serverSideEncryptionKeyId: '',
    isDualStack: true,
    isPathStyle: undefined,
    isAccelerated: false,
  },
  gcs: { accessId: '', privateKey: '', credentialsFile: '', bucketName: '', universeDomain: '' },
  azure: { accountName: '', accountKey: '', containerName: '', storageDomain: '' },
};

type SecretCase = readonly [
  before: Partial<RunnerConfig>,
  after: Partial<RunnerConfig>,
  key: string,
];

/** Formats each change as `key: old → new`, or only the key. */
function tell(before: InstallationConfig, after: InstallationConfig): readonly string[] {
  const { changes, runners } = diffConfigs(before, after);
  return [...changes, ...runners.flatMap((runner) => runner.changes)].map(({ key, values }) =>
    values === undefined ? key : `${key}: ${values.before} → ${values.after}`,
  );
}

describe('diffConfigs', () => {
  const globals: readonly [after: Partial<InstallationConfig>, expected: readonly string[]][] = [
    [{}, []],
    [{ concurrent: 8 }, ['concurrent: 1 → 8']],
    [
      { checkIntervalSeconds: 10, logLevel: 'debug' },
      ['check_interval: 3 → 10', 'log_level: info → debug'],
    ],
    [
      { logFormat: 'text', shutdownTimeoutSeconds: 5 },
      ['log_format: json → text', 'shutdown_timeout: 30 → 5'],
    ],
  ];
  for (const [after, expected] of globals) {
    it(`names keys above the entries: ${JSON.stringify(after)}`, () => {
      const before = configOf([RUNNER]);
      assert.deepEqual(tell(before, { ...before, ...after }), expected);
    });
  }

  const plain: readonly [after: Partial<RunnerConfig>, expected: readonly string[], why: string][] =
    [
      [{ limit: 4 }, ['runners.limit: 0 → 4'], 'a number'],
      [{ name: 'two' }, ['runners.name: runner one → two'], 'a text'],
      [{ tlsCaFile: '/ca.crt' }, ['runners.tls-ca-file: not set → /ca.crt'], 'was not there'],
      [{ outputLimitBytes: 8192 * 1024 }, ['runners.output_limit: 4096 → 8192'], 'KiB in the file'],
      [{ prepareTimeoutSeconds: 90 }, ['runners.prepare_timeout: 0s → 90s'], 'a duration'],
      [
        { isClonePathForbidden: true },
        ['runners.custom_build_dir.enabled: true → false'],
        'turned',
      ],
      [
        { isDirectoryDistrusted: true },
        ['runners.safe_directory_checkout: true → false'],
        'turned',
      ],
      [{ cleansGitConfig: false }, ['runners.clean_git_config: not set → false'], 'three states'],
      [{ featureFlags: { FF_X: true } }, ['runners.feature_flags.FF_X: not set → true'], 'by name'],
      [
        { artifact: { uploadTimeoutMs: 60_000, responseHeaderTimeoutMs: 500 } },
        [
          'runners.artifact.upload_timeout: not set → 60s',
          'runners.artifact.response_header_timeout: not set → 0.5s',
        ],
        'a record of an older release has none',
      ],
      [
        { url: 'https://deploy:hush@git.example.com/' },
        ['runners.url: https://gitlab.example.com/ → https://git.example.com/'],
        'a login in the address',
      ],
      [
        { cloneUrl: 'https://hush@git.example.com/x?private_token=hush' },
        ['runners.clone_url: not set → https://git.example.com/x'],
        'tokens in the address',
      ],
    ];
  for (const [after, expected, why] of plain) {
    it(`shows ${expected.join(', ')}: ${why}`, () => {
      assert.deepEqual(tell(configOf([RUNNER]), configOf([{ ...RUNNER, ...after }])), expected);
    });
  }

  const docker: readonly [after: Partial<DockerConfig>, expected: readonly string[]][] = [
    [{ image: 'ruby:3.4' }, ['image: alpine → ruby:3.4']],
    [{ privileged: true }, ['privileged: false → true']],
    [{ volumes: ['/cache', '/a:/b'] }, ['volumes: ["/cache"] → ["/cache","/a:/b"]']],
    [{ memoryBytes: 512 * 1024 ** 2 }, ['memory: not set → 512m']],
    [{ nanoCpus: 5e8 }, ['cpus: not set → 0.5']],
    [{ shmSizeBytes: 300_000 }, ['shm_size: 0 → 300000']],
    [{ ipcMode: 'host' }, ['ipcmode: not set → host']],
    [{ sysctls: { 'net.core.somaxconn': '9' } }, ['sysctls.net.core.somaxconn: not set → 9']],
    [{ logOptions: { 'splunk-token': 'hush' } }, ['log_options.splunk-token']],
    [{ volumeDriverOps: { o: 'password=hush' } }, ['volume_driver_ops.o']],
    [{ containerLabels: { login: 'hush' } }, ['container_labels.login']],
    [{ host: 'tcp://me:hush@docker:2376' }, ['host: not set → tcp://docker:2376']],
  ];
  for (const [after, expected] of docker) {
    it(`shows ${expected.join(', ')} of [runners.docker]`, () => {
      const changed = { ...RUNNER, docker: { ...RUNNER.docker, ...after } };
      assert.deepEqual(
        tell(configOf([RUNNER]), configOf([changed])),
        expected.map((line) => `runners.docker.${line}`),
      );
    });
  }

  it('shows the images of services, and not their arguments and variables', () => {
    const service = { name: 'redis:7', alias: 'db', command: [], entrypoint: [], environment: [] };
    const withServices = (list: DockerConfig['services']['list']): InstallationConfig => {
      const { docker } = RUNNER;
      return configOf([
        { ...RUNNER, docker: { ...docker, services: { ...docker.services, list, limit: 2 } } },
      ]);
    };
    const before = withServices([service]);
    const more = { ...service, command: ['--requirepass', 'hush'], environment: ['A=hush'] };
    assert.deepEqual(tell(before, withServices([more])), [
      'runners.docker.services[0].command',
      'runners.docker.services[0].environment',
    ]);
    assert.deepEqual(tell(before, withServices([service, { ...service, name: 'pg:17' }])), [
      'runners.docker.services[1].name: not set → pg:17',
      'runners.docker.services[1].alias: not set → db',
    ]);
    assert.deepEqual(tell(configOf([RUNNER]), withServices([])), [
      'runners.docker.services_limit: not set → 2',
    ]);
  });

  const secret: readonly SecretCase[] = [
    [{}, { key: 'other-key', token: 'glrt-hush-new' }, 'token'],
    [{ url: 'https://a:hush1@x/' }, { url: 'https://a:hush2@x/' }, 'url'],
    [{}, { environment: ['PASSWORD=hush'] }, 'environment'],
    [{}, { preGetSourcesScript: 'login hush' }, 'pre_get_sources_script'],
    [{}, { postGetSourcesScript: 'login hush' }, 'post_get_sources_script'],
    [{}, { preBuildScript: 'login hush' }, 'pre_build_script'],
    [{}, { postBuildScript: 'login hush' }, 'post_build_script'],
    ...(['accessKey', 'secretKey', 'sessionToken', 'serverSideEncryptionKeyId'] as const).map(
      (name): SecretCase => [
        { cache: CACHE },
        { cache: { ...CACHE, s3: { ...CACHE.s3, [name]: 'hush-new' } } },
        `cache.s3.${name[0]?.toUpperCase()}${name.slice(1).replace(/Id$/, 'ID')}`,
      ],
    ),
    ...(['accessId', 'privateKey', 'credentialsFile'] as const).map((name): SecretCase => [
      { cache: CACHE },
      { cache: { ...CACHE, gcs: { ...CACHE.gcs, [name]: 'hush-new' } } },
      `cache.gcs.${name[0]?.toUpperCase()}${name.slice(1).replace(/Id$/, 'ID')}`,
    ]),
    [
      { cache: CACHE },
      { cache: { ...CACHE, azure: { ...CACHE.azure, accountKey: 'hush-new' } } },
      'cache.azure.AccountKey',
    ],
  ];
  for (const [before, after, key] of secret) {
    it(`reports only that runners.${key} changed, because its value is or may be secret`, () => {
      const [old, now] = [
        configOf([{ ...RUNNER, ...before }]),
        configOf([{ ...RUNNER, ...after }]),
      ];
      assert.deepEqual(tell(old, now), [`runners.${key}`]);
      assert.doesNotMatch(JSON.stringify(diffConfigs(old, now)), /hush/);
    });
  }

  it('shows a new cache with all its settings that are not the default', () => {
    assert.deepEqual(tell(configOf([RUNNER]), configOf([{ ...RUNNER, cache: CACHE }])), [
      'runners.cache.Type: not set → s3',
      'runners.cache.s3.ServerAddress: not set → s3.example.com',
      'runners.cache.s3.AccessKey',
      'runners.cache.s3.SecretKey',
      'runners.cache.s3.BucketName: not set → one',
    ]);
  });

  const entry = (key: string, name = key, limit = 0): RunnerConfig => ({
    ...RUNNER,
    ...{ key, name, limit, token: key },
  });
  const entries: readonly [
    before: readonly RunnerConfig[],
    after: readonly RunnerConfig[],
    expected: readonly string[],
    why: string,
  ][] = [
    [[], [entry('a')], ['added a'], 'a new one'],
    [[entry('a')], [], ['removed a'], 'one that is gone'],
    [[entry('a'), entry('b')], [entry('b'), entry('a')], [], 'order means nothing'],
    [[entry('a')], [entry('b')], ['added b', 'removed a'], 'another name and another token'],
    [[entry('a', 'x')], [entry('b', 'x')], ['changed x runners.token'], 'another token'],
    [
      [entry('a', 'x')],
      [entry('a', 'y', 2)],
      ['changed y runners.name,runners.limit'],
      'a key goes before a name',
    ],
    [
      [entry('a', 'x'), entry('b', 'x')],
      [entry('c', 'x')],
      ['added x', 'removed x', 'removed x'],
      'a name that does not tell which',
    ],
    [
      [entry('a', 'x')],
      [entry('b', 'x'), entry('c', 'x')],
      ['added x', 'added x', 'removed x'],
      'nor does it here',
    ],
    [[entry('a', 'x')], [entry('a', 'x'), entry('b', 'x')], ['added x'], 'a twin by name'],
  ];
  for (const [before, after, expected, why] of entries) {
    it(`pairs entries by key, then by name: ${why}`, () => {
      const { runners } = diffConfigs(configOf(before), configOf(after));
      assert.deepEqual(
        runners.map(({ kind, name, changes }) =>
          `${kind} ${name} ${changes.map(({ key }) => key).join(',')}`.trimEnd(),
        ),
        expected,
      );
    });
  }

  it('cuts a value that is far too long for a line', () => {
    const preBuild = { ...RUNNER, docker: { ...RUNNER.docker, image: 'x'.repeat(5_000) } };
    const [line] = tell(configOf([RUNNER]), configOf([preBuild]));
    assert.ok((line?.length ?? 0) < 1_100);
    assert.ok(line?.endsWith('x…'));
  });
});
