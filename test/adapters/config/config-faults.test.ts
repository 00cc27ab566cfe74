import assert from 'node:assert/strict';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { FailureType, FinalError } from '../../../src/domain/failure.ts';
import { TOKEN, RUNNER, open, setUpConfigs } from './config-source.ts';

setUpConfigs();

describe('a config file with faults', () => {
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

  it('keeps the last good settings of an entry that has become faulty', async () => {
    const { source, warnings, write } = await open(`${RUNNER}  limit = 3`);
    const before = await source.load();
    await write(`concurrent = 2${RUNNER}  limit = "4"`);
    const { concurrent, runners } = await source.load();
    assert.deepEqual([concurrent, runners], [2, before.runners]);
    assert.equal(warnings[0]?.message, 'runner goes on with its last good settings');
  });

  it('ignores a value that should be a table, with a warning that gitlab-runner does not give', async () => {
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

  const skipped: readonly [change: (text: string) => string, reason: RegExp][] = [
    [(text) => text.replace(/ {2}url.*\n/, ''), /no "url"/],
    [(text) => text.replace('https', 'gopher'), /"gopher:.*not an http/],
    [(text) => text.replace('https://', 'https://u:pw@'), /"url" has a user or password(?!.*pw)/],
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

  const unserved: readonly [change: (text: string) => string, why: string][] = [
    [(text) => text.replace('"docker"', '"shell"'), 'of another executor'],
    [(text) => `${text}  limit = true\n`, 'with a faulty key'],
  ];
  for (const [change, why] of unserved) {
    it(`serves an entry with the token of one before it that is not served: ${why}`, async () => {
      const { source, warnings } = await open(change(RUNNER) + RUNNER.replace('"one"', '"two"'));
      const { runners } = await source.load();
      assert.deepEqual(
        runners.map(({ name }) => name),
        ['two'],
      );
      assert.deepEqual(
        warnings.map(({ message, fields }) => [message, fields['entry']]),
        [['runner skipped', 'runners[0]']],
      );
    });
  }

  it('serves such an entry also when the one before it was good before', async () => {
    const { source, warnings, write } = await open(RUNNER);
    await source.load();
    await write(`${RUNNER}  limit = true\n${RUNNER.replace('"one"', '"two"')}`);
    const { runners } = await source.load();
    assert.deepEqual(
      runners.map(({ name }) => name),
      ['two'],
    );
    assert.equal(warnings[0]?.message, 'runner skipped');
  });

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

  it('logs the faults of a file once, and not at every reload', async () => {
    const { source, warnings, write } = await open('banana = 1');
    await source.load();
    await source.load();
    assert.equal(warnings.length, 1);
    await write('cherry = 1');
    await source.load();
    assert.equal(warnings.length, 2);
  });

  it('accepts a file as gitlab-runner writes it without a warning', async () => {
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

  it('warns when other users may read the tokens', async () => {
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
    it(`names a file that cannot be read (${reason.source})`, async () => {
      const { source, path } = await open('');
      await rm(path);
      await make(path);
      const error = await source.load().then(() => assert.fail('was accepted'), asFinalError);
      assert.equal(error.type, FailureType.InvalidConfig);
      assert.ok(error.message.startsWith(`${path}: `));
      assert.match(error.message, reason);
    });
  }
});

function asFinalError(error: unknown): FinalError {
  assert.ok(error instanceof FinalError, String(error));
  return error;
}
