import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readConfig } from '../../../src/adapters/config/read-config.ts';

const RUNNER = '[[runners]]\nname = "a"\nurl = "https://x"\ntoken = "t"\nexecutor = "docker"\n';

function read(toml: string) {
  return readConfig({ text: RUNNER + toml, path: 'config.toml', env: {} });
}

function cacheOf(toml: string) {
  return read(toml).config.runners[0]?.cache;
}

describe('[runners.cache]', () => {
  it('is undefined when the file has none', () => {
    assert.equal(cacheOf(''), undefined);
  });

  it('has every key of gitlab-runner', () => {
    const { keys } = read(`
[runners.cache]
  Type = "s3"
  Path = "prefix"
  Shared = true
  MaxUploadedArchiveSize = 1000
  [runners.cache.s3]
    ServerAddress = "minio:9000"
    AccessKey = "a"
    SecretKey = "s"
    SessionToken = "t"
    BucketName = "b"
    BucketLocation = "eu-west-1"
    Insecure = true
    AuthenticationType = "access-key"
    ServerSideEncryption = "KMS"
    ServerSideEncryptionKeyID = "k"
    DualStack = false
    PathStyle = false
    Accelerate = true
    AssumeRoleMaxConcurrency = 5
  [runners.cache.gcs]
    AccessID = "i"
    PrivateKey = "p"
    CredentialsFile = "f"
    BucketName = "g"
    UniverseDomain = "u"
  [runners.cache.azure]
    AccountName = "n"
    AccountKey = "y"
    ContainerName = "c"
    StorageDomain = "d"
`);
    assert.deepEqual([keys.unknown, keys.notYet], [[], []]);
  });

  it('is read with the meaning of its keys', () => {
    const cache = cacheOf(`
[runners.cache]
  type = "s3"
  Shared = true
  MaxUploadedArchiveSize = 1000
  [runners.cache.s3]
    ServerAddress = "minio:9000"
    BucketName = "b"
    Insecure = true
    PathStyle = false
`);
    assert.ok(cache);
    assert.deepEqual(
      [cache.type, cache.isShared, cache.maxUploadedArchiveSizeBytes],
      ['s3', true, 1000],
    );
    const { serverAddress, bucketName, isInsecure, isPathStyle, isDualStack } = cache.s3;
    assert.deepEqual(
      [serverAddress, bucketName, isInsecure, isPathStyle, isDualStack],
      ['minio:9000', 'b', true, false, true],
    );
  });

  it('derives the address style of a bucket from the server’s name by default', () => {
    assert.equal(cacheOf('[runners.cache.s3]\nBucketName = "b"')?.s3.isPathStyle, undefined);
  });

  const SECRETS = ['AccessKey', 'SecretKey', 'SessionToken', 'PrivateKey', 'AccountKey'];
  for (const key of SECRETS) {
    it(`never shows ${key}, even when it has the wrong type`, () => {
      const table = key === 'PrivateKey' ? 'gcs' : key === 'AccountKey' ? 'azure' : 's3';
      const [{ reason } = assert.fail('was accepted')] = read(
        `[runners.cache.${table}]\n${key} = 424242`,
      ).unusable;
      assert.ok(reason.includes(key) && !reason.includes('424242'), reason);
    });
  }
});
