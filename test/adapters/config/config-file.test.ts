import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ConfigSource, LogFields } from '../../../src/ports/index.ts';
import { createConfigSource } from '../../../src/adapters/config/config-file.ts';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';
import { recordingLog } from '../../support/recording-log.ts';

const TOKEN = 'glrt-t1_AbCdEfGhIjKlMn';
const RUNNER = `
[[runners]]
  name = "one"
  url = "https://gitlab.example.com/"
  token = "${TOKEN}"
  executor = "docker"
`;

let directory = '';
before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tgr-config-'));
});
after(() => rm(directory, { recursive: true, force: true }));

interface Opened {
  readonly source: ConfigSource;
  readonly path: string;
  readonly warnings: readonly { readonly message: string; readonly fields: LogFields }[];
  write(text: string): Promise<void>;
}

async function open(
  text: string,
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Opened> {
  const path = join(await mkdtemp(join(directory, 'case-')), 'config.toml');
  const { log, warnings } = recordingLog();
  const write = (content: string): Promise<void> => writeFile(path, content, { mode: 0o600 });
  await write(text);
  return { source: createConfigSource({ path, env, log }), path, warnings, write };
}

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

  it('reads every key that is acted on', async () => {
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
    it(`takes ${toml} for ${String(expected)}: ${why}`, async () => {
      const { source } = await open(`${RUNNER}\n  ${toml}`);
      const [runner] = (await source.load()).runners;
      assert.equal(Object.entries(runner ?? {}).find(([name]) => name === key)?.[1], expected);
    });
  }

  it('takes one pull policy without a list, and "always" when none is named', async () => {
    const one = await open(`${RUNNER}\n[runners.docker]\npull_policy = "never"`);
    assert.deepEqual((await one.source.load()).runners[0]?.docker.pullPolicy, ['never']);
    const none = await open(`${RUNNER}\n[runners.docker]\npull_policy = ""`);
    assert.deepEqual((await none.source.load()).runners[0]?.docker.pullPolicy, ['always']);
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

  it('takes keys in any case, as gitlab-runner does', async () => {
    const { source, warnings } = await open(`Concurrent = 3${RUNNER.replace('name', 'Name')}`);
    const { concurrent, runners } = await source.load();
    assert.equal(concurrent, 3);
    assert.equal(runners[0]?.name, 'one');
    assert.deepEqual(warnings, []);
  });

  const broken: readonly [text: string, complaint: string, why: string][] = [
    ['concurrent = ', ':1:14: this is not TOML: ', 'line and column of broken TOML'],
    ['[a]\n[a]', ':2:1: "a" is set twice', 'line and column of a table given twice'],
    ['concurrent = 0', ': concurrent: expected at least 1, got 0', 'nothing would ever run'],
    ['concurrent = "3"', ': concurrent: expected a whole number, got "3"', 'text for a number'],
    ['concurrent = 1.5', ': concurrent: expected a whole number, got 1.5', 'half a build'],
    ['log_level = "loud"', ': log_level: expected one of debug, info,', 'names what is allowed'],
    [
      'log_format = "xml"',
      ': log_format: expected one of runner, text, json, got "xml"',
      'names it',
    ],
    ['runners = 3', ': runners: expected tables, each headed [[runners]], got 3', 'wrong shape'],
    [
      'concurrent = 0\nlog_level = "x"',
      ': concurrent: expected at least 1, got 0; log_level: expected one of debug, info,',
      'all faults at once',
    ],
  ];
  for (const [text, complaint, why] of broken) {
    it(`refuses ${JSON.stringify(text.replace(RUNNER, '…'))}: ${why}`, async () => {
      const { source, path } = await open(text);
      const error = await source.load().then(() => assert.fail('was accepted'), asFinalError);
      assert.equal(error.type, FailureType.InvalidConfig);
      assert.ok(error.message.startsWith(path + complaint), error.message);
      assert.ok(!error.message.includes('\n'), 'one line');
    });
  }

  const faultyEntries: readonly [toml: string, reason: string, why: string][] = [
    ['  limit = true', 'runners[0].limit: expected a whole number, got true', 'key path'],
    [
      '  environment = ["A=b", 3]',
      'runners[0].environment[1]: expected a text in quotes, got a number',
      'place in a list',
    ],
    [
      '[runners.docker]\nmemory = "lots"',
      'runners[0].docker.memory: expected a size in quotes such as "512m" or "2g", got "lots"',
      'a limit that cannot be read must not become no limit',
    ],
    [
      '[runners.docker]\nmemory = 512',
      'runners[0].docker.memory: expected a size in quotes such as "512m" or "2g", got 512',
      'gitlab-runner wants quotes too',
    ],
    [
      '[runners.docker]\ncpus = "half"',
      'runners[0].docker.cpus: expected a number of cores in quotes such as "0.5" or "2", got "half"',
      'a limit that cannot be read must not become no limit',
    ],
    [
      '[runners.docker]\npull_policy = "sometimes"',
      'runners[0].docker.pull_policy[0]: expected one of always, if-not-present, never, got "sometimes"',
      'names what is allowed',
    ],
    [
      '  unhealthy_interval = "soon"',
      'runners[0].unhealthy_interval: expected a duration such as "1h30m", got "soon"',
      'not a duration',
    ],
    [
      '  limit = true\n  id = "x"',
      'runners[0].id: expected a whole number, got "x"; runners[0].limit: expected a whole number, got true',
      'all faults at once',
    ],
  ];
  for (const [toml, reason, why] of faultyEntries) {
    it(`skips an entry with ${JSON.stringify(toml)}, and serves the others: ${why}`, async () => {
      const other = RUNNER.replace('"one"', '"two"').replace(TOKEN, `${TOKEN}2`);
      const { source, warnings } = await open(`${RUNNER}${toml}\n${other}`);
      const { runners } = await source.load();
      assert.deepEqual(
        runners.map(({ name }) => name),
        ['two'],
      );
      assert.deepEqual(
        warnings.map(({ message, fields }) => [message, fields]),
        [['runner skipped', { runner_name: 'one', entry: 'runners[0]', reason }]],
      );
    });
  }

  it('never shows the value of a token, whatever is wrong with it', async () => {
    const { source, warnings } = await open('[[runners]]\ntoken = 19283746');
    assert.deepEqual((await source.load()).runners, []);
    const reason = 'runners[0].token: expected a text in quotes, got a number';
    assert.equal(warnings[0]?.fields['reason'], reason);
  });

  it('goes on with the last good settings of an entry that has become faulty', async () => {
    const { source, warnings, write } = await open(`${RUNNER}  limit = 3`);
    const before = await source.load();
    await write(`concurrent = 2${RUNNER}  limit = "4"`);
    const { concurrent, runners } = await source.load();
    assert.deepEqual([concurrent, runners], [2, before.runners]);
    assert.equal(warnings[0]?.message, 'runner goes on with its last good settings');
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

  it('takes the largest and the smallest number of 64 bits for every number, and waits no longer than timers can', async () => {
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

  it('passes over what should be a table and is none, with a warning, as gitlab-runner does without', async () => {
    const { source, warnings } = await open(
      `${RUNNER}  feature_flags = true\n  [runners.docker]\n  sysctls = "a=b"\n  tmpfs = ["/run"]`,
    );
    const [{ docker, featureFlags } = assert.fail('none')] = (await source.load()).runners;
    assert.deepEqual([docker.sysctls, docker.tmpfs, featureFlags], [{}, {}, {}]);
    assert.deepEqual(
      warnings.map(({ message, fields }) => [message, fields['keys']]),
      [
        [
          'config keys are no tables and have no effect',
          ['runners[0].feature_flags', 'runners[0].docker.sysctls', 'runners[0].docker.tmpfs'],
        ],
      ],
    );
  });

  it('keeps the last good config when the file has become unusable', async () => {
    const { source, write } = await open(`concurrent = 5${RUNNER}`);
    const good = await source.load();
    await write('concurrent = [');
    await assert.rejects(source.load(), { type: FailureType.InvalidConfig });
    assert.equal(source.current(), good);
    const [{ key } = assert.fail('no runner')] = good.runners;
    assert.equal(source.runner(key)?.name, 'one');
  });

  it('knows a runner by its key only as long as it is in the file', async () => {
    const { source, write } = await open(RUNNER);
    const [{ key } = assert.fail('no runner')] = (await source.load()).runners;
    await write(RUNNER.replace('"one"', '"renamed"'));
    await source.load();
    assert.equal(source.runner(key)?.name, 'renamed', 'name is not part of the key');
    await write('');
    await source.load();
    assert.equal(source.runner(key), undefined);
  });

  it('gives another key to another token, and none that holds it', async () => {
    const { source } = await open(RUNNER + RUNNER.replace(TOKEN, `${TOKEN}2`));
    const [first, second] = (await source.load()).runners;
    assert.notEqual(first?.key, second?.key);
    assert.ok(!JSON.stringify([first?.key, second?.key]).includes('AbCd'));
  });

  const skipped: readonly [change: (text: string) => string, reason: RegExp][] = [
    [(text) => text.replace(/ {2}url.*\n/, ''), /no "url"/],
    [(text) => text.replace('https', 'gopher'), /not an http/],
    [(text) => text.replace(`${TOKEN}2`, ''), /no "token"/],
    [(text) => text.replace(`${TOKEN}2`, '$NOT_SET'), /no "token"/],
    [(text) => text.replace('"docker"', '"shell"'), /"executor" is "shell"/],
    [(text) => text.replace('"two"', '"again"').replace(`${TOKEN}2`, TOKEN), /those of "one"/],
  ];
  for (const [change, reason] of skipped) {
    it(`skips an entry with a warning (${reason.source}), and serves the others`, async () => {
      const second = RUNNER.replace('"one"', '"two"').replace(TOKEN, `${TOKEN}2`);
      const { source, warnings } = await open(RUNNER + change(second));
      const { runners } = await source.load();
      assert.deepEqual(
        runners.map(({ name }) => name),
        ['one'],
      );
      assert.equal(warnings.length, 1);
      assert.equal(warnings[0]?.fields['entry'], 'runners[1]');
      assert.match(String(warnings[0].fields['reason']), reason);
    });
  }

  it('names unknown keys and unsupported ones in a warning each', async () => {
    const { source, warnings } = await open(`
banana = 1
sentry_dsn = "https://sentry.test/1"
${RUNNER}
  shell = "pwsh"
  [runners.cache]
    Type = "s3"
  [runners.cache.s3]
    RoleARN = "arn:aws:iam::1:role/x"
    Fruit = "y"
  [runners.docker]
    fruit = "x"
    gpus = "all"
  [runners.typo]
    a = 1
`);
    await source.load();
    assert.deepEqual(
      warnings.map(({ fields }) => fields['keys']),
      [
        [
          ...['banana', 'runners[0].cache.s3.Fruit'],
          ...['runners[0].docker.fruit', 'runners[0].typo'],
        ],
        ['sentry_dsn', 'runners[0].shell', 'runners[0].cache.s3.RoleARN'],
      ],
    );
  });

  const switchedOff: readonly [toml: string, keys: readonly string[], why: string][] = [
    ['clean_git_config = false', [], 'acted on'],
    ['safe_directory_checkout = false', [], 'acted on'],
    ['shell = "sh"', [], 'the same as bash'],
    ['shell = "pwsh"', ['runners[0].shell'], 'not for containers of Linux'],
    ['use_slot_cgroups = false', [], 'off by itself'],
  ];
  for (const [toml, keys, why] of switchedOff) {
    it(`${keys.length > 0 ? 'warns of' : 'is silent about'} ${toml}: ${why}`, async () => {
      const { source, warnings } = await open(`${RUNNER}\n  ${toml}`);
      await source.load();
      assert.deepEqual(
        warnings.flatMap(({ fields }) => fields['keys']),
        keys,
      );
    });
  }

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

  it('says once what is wrong with a file, not with every reload', async () => {
    const { source, warnings, write } = await open('banana = 1');
    await source.load();
    await source.load();
    assert.equal(warnings.length, 1);
    await write('cherry = 1');
    await source.load();
    assert.equal(warnings.length, 2);
  });

  it('takes a file as gitlab-runner writes it without a warning', async () => {
    const { source, warnings } = await open(`
concurrent = 1
check_interval = 0
connection_max_age = "15m0s"
shutdown_timeout = 0

[session_server]
  session_timeout = 1800
${RUNNER}
  [runners.custom_build_dir]
    enabled = true
  [runners.cache]
    MaxUploadedArchiveSize = 0
    [runners.cache.s3]
    [runners.cache.gcs]
    [runners.cache.azure]
  [runners.docker]
    tls_verify = false
    image = "ruby:3.3"
    privileged = false
    disable_entrypoint_overwrite = false
    oom_kill_disable = false
    disable_cache = false
    volumes = ["/cache"]
    shm_size = 0
    network_mtu = 0
`);
    assert.equal((await source.load()).runners.length, 1);
    assert.deepEqual(warnings, []);
  });

  it('warns when others may read the tokens', async () => {
    const { source, path, warnings } = await open(RUNNER);
    await chmod(path, 0o644);
    await source.load();
    assert.match(warnings[0]?.message ?? '', /others may read it/);
  });

  const unreadable: readonly [make: (path: string) => Promise<unknown>, reason: RegExp][] = [
    [(path) => mkdir(path), /cannot be read: EISDIR/],
    [(path) => writeFile(path, Buffer.from([0x61, 0xff])), /cannot be read: .*encoded data/],
    [(path) => writeFile(path, 'x'.repeat(9 * 1024 * 1024)), /bytes are too many/],
  ];
  for (const [make, reason] of unreadable) {
    it(`names a file that is none to read (${reason.source})`, async () => {
      const { source, path } = await open('');
      await rm(path);
      await make(path);
      const error = await source.load().then(() => assert.fail('was accepted'), asFinalError);
      assert.equal(error.type, FailureType.InvalidConfig);
      assert.ok(error.message.startsWith(`${path}: `));
      assert.match(error.message, reason);
    });
  }

  it('is not fooled by keys that mean something to JavaScript', async () => {
    const { source, warnings } = await open(`__proto__ = 1\nconstructor = 1\n${RUNNER}`);
    assert.equal((await source.load()).runners.length, 1);
    assert.deepEqual(warnings[0]?.fields['keys'], ['__proto__', 'constructor']);
  });
});

function asFinalError(error: unknown): FinalError {
  assert.ok(error instanceof FinalError, String(error));
  return error;
}
