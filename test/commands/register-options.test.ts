import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { runCommand } from '../support/command.ts';
import { TOKEN, verified } from './support.ts';
import { installation, readRunners, setUpInstallation, silently } from './register-support.ts';

setUpInstallation();

describe('options of register', () => {
  it('set limits of what jobs may ask for', async () => {
    const { gitlab, run } = installation;
    gitlab.answer(verified);
    const { exitCode, stderr } = await run(
      silently(
        ...['--token', TOKEN, '--docker-allowed-images', 'ruby:*', '--docker-services-limit=-1'],
        ...['--docker-allowed-images', 'node:{20,22}', '--docker-allowed-services', 'redis'],
        ...['--docker-allowed_users', 'nobody', '--docker-userns', 'host'],
        ...['--docker-oom-score-adjust', '-500', '--docker-services_privileged=false'],
      ),
    );
    assert.equal(exitCode, 0, stderr);
    assert.deepEqual((await readRunners())[0]?.['docker'], {
      image: 'busybox',
      allowed_images: ['ruby:*', 'node:{20,22}'],
      allowed_services: ['redis'],
      allowed_users: ['nobody'],
      userns_mode: 'host',
      oom_score_adjust: -500,
      services_limit: -1,
      services_privileged: false,
      volumes: ['/cache'],
    });
  });

  it('set tables by pairs of name and value', async () => {
    const { gitlab, run } = installation;
    gitlab.answer(verified);
    const { exitCode, stderr } = await run(
      silently(
        ...['--token', TOKEN, '--feature-flags', 'FF_A:true', '--feature-flags', 'FF_B:false'],
        ...['--feature-flags', 'FF_C', '--docker-tmpfs', '/run:rw,noexec', '--docker-tmpfs', '/a'],
        ...['--docker-services_devices', 'redis:/dev/a:/dev/b'],
        ...['--docker-services_devices', 'redis:/dev/c', '--custom_build_dir-enabled=false'],
      ),
    );
    assert.equal(exitCode, 0, stderr);
    const [runner] = await readRunners();
    assert.deepEqual(runner?.['feature_flags'], { FF_A: true, FF_B: false, FF_C: true });
    assert.deepEqual(runner['custom_build_dir'], { enabled: false });
    assert.deepEqual(runner['docker'], {
      image: 'busybox',
      tmpfs: { '/run': 'rw,noexec', '/a': '' },
      services_devices: { redis: ['/dev/a:/dev/b', '/dev/c'] },
      volumes: ['/cache'],
    });
  });

  it('complete the tables of a template', async () => {
    const { gitlab, configPath, run } = installation;
    const template = `${configPath}.template`;
    await writeFile(
      template,
      `[[runners]]
[runners.feature_flags]
FF_A = true
FF_B = true
[runners.cache]
Type = "s3"
Shared = true
[runners.cache.s3]
BucketName = "theirs"
`,
    );
    gitlab.answer(verified);
    const { exitCode, stderr } = await run(
      silently(
        ...['--token', TOKEN, '--template-config', template, '--feature-flags', 'FF_B:false'],
        ...['--cache-path', 'p', '--cache-s3-secret-key', 'k'],
      ),
    );
    assert.equal(exitCode, 0, stderr);
    const [runner] = await readRunners();
    assert.deepEqual(runner?.['feature_flags'], { FF_A: true, FF_B: false });
    assert.deepEqual(runner['cache'], {
      ...{ Type: 's3', Shared: true, Path: 'p' },
      s3: { BucketName: 'theirs', SecretKey: 'k' },
    });
  });

  for (const [option, value, complaint] of [
    ['--feature-flags', 'FF_A:maybe', /Expected true or false/],
    ['--docker-services-limit', 'many', /Expected a whole number/],
    ['--prepare-timeout', 'soon', /prepare_timeout: expected a duration/],
  ] as const) {
    it(`refuse ${option} ${value}`, async () => {
      const { run, gitlab } = installation;
      const { exitCode, stderr } = await run(silently('--token', TOKEN, option, value));
      assert.notEqual(exitCode, 0);
      assert.match(stderr, complaint);
      assert.deepEqual(gitlab.requests, []);
    });
  }

  it('are taken from variables too, none of which is lost', async () => {
    const { gitlab } = installation;
    gitlab.answer(verified);
    const env = {
      DOCKER_ALLOWED_IMAGES: 'ruby:{3.3,3.4},node:*',
      DOCKER_CERT_PATH: '/certs',
      DOCKER_TLS_VERIFY: 'true',
      DOCKER_SYSCTLS: 'net.core.somaxconn:1024',
      DOCKER_SERVICES_LIMIT: '0',
      FEATURE_FLAGS: 'FF_A:true,FF_B:false',
      RUNNER_PREPARE_TIMEOUT: '10m',
      CACHE_TYPE: 's3',
      CACHE_MAXIMUM_UPLOADED_ARCHIVE_SIZE: '1000',
      CACHE_S3_SERVER_ADDRESS: 's3.example.com',
      CACHE_S3_SERVER_SIDE_ENCRYPTION_KEY_ID: 'id',
      CACHE_GCS_ACCESS_ID: '',
    };
    await registerWith(env);
    const [runner] = await readRunners();
    assert.deepEqual(runner?.['docker'], {
      ...{ image: 'busybox', tls_cert_path: '/certs', tls_verify: true, services_limit: 0 },
      allowed_images: ['ruby:{3.3,3.4}', 'node:*'],
      sysctls: { 'net.core.somaxconn': '1024' },
      volumes: ['/cache'],
    });
    assert.deepEqual(runner['feature_flags'], { FF_A: true, FF_B: false });
    assert.equal(runner['prepare_timeout'], '10m');
    assert.deepEqual(runner['cache'], {
      ...{ Type: 's3', MaxUploadedArchiveSize: 1000 },
      s3: { ServerAddress: 's3.example.com', ServerSideEncryptionKeyID: 'id' },
    });
  });

  for (const [args, tlsCertPath, why] of [
    [['--docker-tls-cert-path', '/mine', '--docker-tls-verify'], '/mine', 'the names until now'],
    [['--docker-cert-path', '/ours', '--docker-tlsverify'], '/ours', "gitlab-runner's names"],
  ] as const) {
    it(`take ${why} before a variable`, async () => {
      const { gitlab } = installation;
      gitlab.answer(verified);
      const env = { DOCKER_CERT_PATH: '/env', DOCKER_TLS_CERT_PATH: '/env', DOCKER_TLS_VERIFY: '' };
      await registerWith(env, args);
      assert.deepEqual((await readRunners())[0]?.['docker'], {
        ...{ image: 'busybox', tls_cert_path: tlsCertPath, tls_verify: true, volumes: ['/cache'] },
      });
    });
  }
});

/** Registers in a process of its own, because options read the environment of the process. */
async function registerWith(
  env: Readonly<Record<string, string>>,
  more: readonly string[] = [],
): Promise<void> {
  await runCommand(installation, silently('--token', TOKEN, ...more), env);
}
