import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createConfigSource } from '../../../src/adapters/config/config-file.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { TOKEN, RUNNER, directory, open, setUpConfigs } from './config-source.ts';

setUpConfigs();

describe('createConfigSource', () => {
  it('has no runners and the usual limits when the file is missing', async () => {
    const { log } = recordingLog();
    const source = createConfigSource({ path: join(directory, 'none.toml'), env: {}, log });
    assert.deepEqual(await source.load(), {
      concurrent: 1,
      checkIntervalSeconds: 3,
      logLevel: 'info',
      logFormat: 'runner',
      shutdownTimeoutSeconds: 30,
      listenAddress: '',
      runners: [],
    });
  });

  for (const [written, level] of [
    ['INFO', 'info'],
    ['Warning', 'warning'],
    ['trace', 'debug'],
  ] as const) {
    it(`takes log_level = "${written}" as gitlab-runner does`, async () => {
      const { source } = await open(`log_level = "${written}"\n`);
      assert.equal((await source.load()).logLevel, level);
    });
  }

  it('reads every supported key', async () => {
    const { source, warnings } = await open(`
concurrent = 4
check_interval = 7
log_level = "debug"
log_format = "json"
shutdown_timeout = 60
[[runners]]
  name = "one"
  url = "https://gitlab.example.com/"
  id = 7
  token = "${TOKEN}"
  token_obtained_at = 2026-01-01T00:00:00Z
  token_expires_at = 0001-01-01T00:00:00Z
  tls-ca-file = "/ca.crt"
  executor = "docker"
  limit = 2
  request_concurrency = 3
  output_limit = 100
  builds_dir = "/b"
  cache_dir = "/c"
  clone_url = "https://inner/"
  environment = ["A=b", "C=d"]
  pre_build_script = "echo"
  debug_trace_disabled = true
  safe_directory_checkout = false
  clean_git_config = false
  prepare_timeout = "30s"
  get_sources_timeout = "1m30s"
  unhealthy_requests_limit = 5
  unhealthy_interval = "1m30s"
  [runners.feature_flags]
    FF_NETWORK_PER_BUILD = true
  [runners.custom_build_dir]
    enabled = false
  [runners.docker]
    host = "tcp://docker:2376"
    image = "busybox"
    helper_image = "helper"
    pull_policy = ["always", "if-not-present"]
    privileged = true
    volumes = ["/cache", "/a:/b"]
    network_mode = "host"
    memory = "128m"
    memory_swap = "1.5g"
    cpus = "0.5"
    user = "1000"
    shm_size = 300
    [runners.docker.tmpfs]
      "/run" = "rw"
`);
    const { runners, ...globals } = await source.load();
    assert.deepEqual(globals, {
      concurrent: 4,
      checkIntervalSeconds: 7,
      logLevel: 'debug',
      logFormat: 'json',
      shutdownTimeoutSeconds: 60,
      listenAddress: '',
    });
    const [{ key, docker, ...runner } = assert.fail('no runner')] = runners;
    assert.match(key, /^[0-9a-f]{10}$/);
    assert.deepEqual(runner, {
      name: 'one',
      url: 'https://gitlab.example.com/',
      token: TOKEN,
      id: 7,
      tlsCaFile: '/ca.crt',
      tlsCertFile: undefined,
      tlsKeyFile: undefined,
      executor: 'docker',
      limit: 2,
      requestConcurrency: 3,
      outputLimitBytes: 102_400,
      buildsDir: '/b',
      cacheDir: '/c',
      cloneUrl: 'https://inner/',
      environment: ['A=b', 'C=d'],
      preGetSourcesScript: '',
      postGetSourcesScript: '',
      preBuildScript: 'echo',
      postBuildScript: '',
      debugTraceDisabled: true,
      isDirectoryDistrusted: true,
      cleansGitConfig: false,
      prepareTimeoutSeconds: 30,
      sourcesTimeoutSeconds: 90,
      unhealthyRequestsLimit: 5,
      unhealthyIntervalSeconds: 90,
      featureFlags: { FF_NETWORK_PER_BUILD: true },
      isClonePathForbidden: true,
      artifact: { uploadTimeoutMs: 3_600_000, responseHeaderTimeoutMs: 600_000 },
    });
    const { host, image, helperImage, pullPolicy, privileged, volumes, networkMode } = docker;
    assert.deepEqual(
      { host, image, helperImage, pullPolicy, privileged, volumes, networkMode },
      {
        host: 'tcp://docker:2376',
        image: 'busybox',
        helperImage: 'helper',
        pullPolicy: ['always', 'if-not-present'],
        privileged: true,
        volumes: ['/cache', '/a:/b'],
        networkMode: 'host',
      },
    );
    const { memoryBytes, memorySwapBytes, nanoCpus, user, shmSizeBytes, tmpfs } = docker;
    assert.deepEqual(
      { memoryBytes, memorySwapBytes, nanoCpus, user, shmSizeBytes, tmpfs },
      {
        memoryBytes: 134_217_728,
        memorySwapBytes: 1_610_612_736,
        nanoCpus: 500_000_000,
        user: '1000',
        shmSizeBytes: 300,
        tmpfs: { '/run': 'rw' },
      },
    );
    assert.deepEqual(warnings, []);
  });

  const defaults: readonly [toml: string, key: string, expected: unknown, why: string][] = [
    ['limit = 0', 'limit', 0, 'no limit'],
    ['request_concurrency = 0', 'requestConcurrency', 1, 'zero is how "not set" is written'],
    ['output_limit = 0', 'outputLimitBytes', 4_194_304, 'zero is how "not set" is written'],
    ['builds_dir = ""', 'buildsDir', '/builds', 'an empty text is not set'],
    ['unhealthy_interval = 60000000000', 'unhealthyIntervalSeconds', 60, 'Go writes nanoseconds'],
  ];
  for (const [toml, key, expected, why] of defaults) {
    it(`reads ${toml} as ${String(expected)}: ${why}`, async () => {
      const { source } = await open(`${RUNNER}\n  ${toml}`);
      const [runner] = (await source.load()).runners;
      assert.equal(Object.entries(runner ?? {}).find(([name]) => name === key)?.[1], expected);
    });
  }

  it('accepts one pull policy without a list, and keeps none when none is set', async () => {
    const one = await open(`${RUNNER}\n[runners.docker]\npull_policy = "never"`);
    assert.deepEqual((await one.source.load()).runners[0]?.docker.pullPolicy, ['never']);
    const none = await open(`${RUNNER}\n[runners.docker]\npull_policy = ""`);
    assert.deepEqual((await none.source.load()).runners[0]?.docker.pullPolicy, []);
  });

  it('expands variables of the environment in url and token, and nowhere else', async () => {
    const text = RUNNER.replace('https://gitlab.example.com/', '$GITLAB')
      .replace(TOKEN, '${RUNNER_SECRET}')
      .replace('"one"', '"$GITLAB"');
    const { source } = await open(text, { GITLAB: 'https://g.test/', RUNNER_SECRET: TOKEN });
    const [runner] = (await source.load()).runners;
    assert.equal(runner?.url, 'https://g.test/');
    assert.equal(runner.token, TOKEN);
    assert.equal(runner.name, '$GITLAB');
  });

  it('accepts keys in any case, as gitlab-runner does', async () => {
    const { source, warnings } = await open(`Concurrent = 3${RUNNER.replace('name', 'Name')}`);
    const { concurrent, runners } = await source.load();
    assert.equal(concurrent, 3);
    assert.equal(runners[0]?.name, 'one');
    assert.deepEqual(warnings, []);
  });

  const TABLES_IN_PIECES: readonly string[] = [
    '  docker = { image = "a" }\n[runners.docker.sysctls]\n"net.x" = "1"',
    '  cache.Type = "s3"\n[runners.cache]\nPath = "p"',
    '  output_limit = 9223372036854775807',
  ];
  for (const toml of TABLES_IN_PIECES) {
    it(`serves a runner with ${JSON.stringify(toml)}, as gitlab-runner does`, async () => {
      const { source, warnings } = await open(RUNNER + toml);
      const [{ docker, cache, outputLimitBytes } = assert.fail('none')] = (await source.load())
        .runners;
      assert.deepEqual(
        [docker.image, docker.sysctls['net.x'], cache?.type, cache?.path, outputLimitBytes],
        toml.includes('docker')
          ? ['a', '1', undefined, undefined, 4 * 1024 * 1024]
          : toml.includes('cache')
            ? ['', undefined, 's3', 'p', 4 * 1024 * 1024]
            : ['', undefined, undefined, undefined, Number.MAX_SAFE_INTEGER],
      );
      assert.deepEqual(warnings, []);
    });
  }

  it('accepts the largest and smallest 64-bit integer for every number, and waits no longer than timers can', async () => {
    const ofRunner = [
      ...['id', 'limit', 'request_concurrency', 'output_limit', 'unhealthy_requests_limit'],
      ...['prepare_timeout', 'get_sources_timeout', 'unhealthy_interval'],
    ];
    const ofDocker = [
      ...['network_mtu', 'cpu_shares', 'oom_score_adjust', 'shm_size', 'services_limit'],
      ...['service_cpu_shares', 'wait_for_services_timeout'],
    ];
    const all = (keys: readonly string[], value: string): string =>
      keys.map((key) => `${key} = ${value}\n`).join('');
    for (const value of ['9223372036854775807', '-9223372036854775808']) {
      const { source, warnings } = await open(
        `${all(['check_interval', 'shutdown_timeout'], value)}
         ${RUNNER}${all(ofRunner, value)}
         [runners.cache]\n${all(['MaxUploadedArchiveSize'], value)}
         [runners.artifact]\n${all(['upload_timeout', 'response_header_timeout'], value)}
         [runners.docker]\n${all(ofDocker, value)}`,
      );
      const loaded = await source.load();
      assert.deepEqual(warnings, []);
      const [{ docker, artifact, ...runner } = assert.fail('none')] = loaded.runners;
      const seconds = [
        ...[loaded.checkIntervalSeconds, loaded.shutdownTimeoutSeconds],
        ...[runner.prepareTimeoutSeconds, runner.sourcesTimeoutSeconds],
        ...[runner.unhealthyIntervalSeconds, docker.services.waitTimeoutSeconds],
        ...[artifact?.uploadTimeoutMs ?? 0, artifact?.responseHeaderTimeoutMs ?? 0].map(
          (milliseconds) => milliseconds / 1000,
        ),
      ];
      for (const each of seconds) assert.ok(each * 1000 < 2 ** 31, String(seconds));
    }
  });

  it('finds a runner by its key only while it is in the file', async () => {
    const { source, write } = await open(RUNNER);
    const [{ key } = assert.fail('no runner')] = (await source.load()).runners;
    await write(RUNNER.replace('"one"', '"renamed"'));
    await source.load();
    assert.equal(source.runner(key)?.name, 'renamed', 'name is not part of the key');
    await write('');
    await source.load();
    assert.equal(source.runner(key), undefined);
  });

  it('gives a changed token another key, which does not contain the token', async () => {
    const { source } = await open(RUNNER + RUNNER.replace(TOKEN, `${TOKEN}2`));
    const [first, second] = (await source.load()).runners;
    assert.notEqual(first?.key, second?.key);
    assert.ok(!JSON.stringify([first?.key, second?.key]).includes('AbCd'));
  });

  const customBuildDirs: readonly [toml: string, isForbidden: boolean, why: string][] = [
    ['', false, 'docker allows it unless told otherwise'],
    ['[runners.custom_build_dir]', false, 'an empty table says nothing'],
    ['[runners.custom_build_dir]\nenabled = true', false, 'allowed'],
    ['[runners.custom_build_dir]\nEnabled = false', true, 'forbidden, in any case of letters'],
  ];
  for (const [toml, isForbidden, why] of customBuildDirs) {
    it(`${isForbidden ? 'forbids' : 'allows'} GIT_CLONE_PATH by ${JSON.stringify(toml)}: ${why}`, async () => {
      const { source, warnings } = await open(`${RUNNER}\n${toml}`);
      assert.equal((await source.load()).runners[0]?.isClonePathForbidden, isForbidden);
      assert.deepEqual(warnings, []);
    });
  }

  it('is not confused by keys with a meaning in JavaScript', async () => {
    const { source, warnings } = await open(`__proto__ = 1\nconstructor = 1\n${RUNNER}`);
    assert.equal((await source.load()).runners.length, 1);
    assert.deepEqual(warnings[0]?.fields['keys'], ['__proto__', 'constructor']);
  });
});
