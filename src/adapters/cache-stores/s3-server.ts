import type { S3CacheConfig } from '../../domain/runner/cache-config.ts';

const AMAZON = 'https://s3.amazonaws.com';

/**
 * Returns the address of the server; undefined for Amazon's own server, which the client finds by
 * region.
 */
export function endpointOf({ serverAddress, isInsecure }: S3CacheConfig): string | undefined {
  if (serverAddress === '') return undefined;
  const scheme = isInsecure ? 'http' : 'https';
  const usualPort = isInsecure ? /:80$/ : /:443$/;
  const endpoint = `${scheme}://${serverAddress.replace(usualPort, '')}`;
  return endpoint === AMAZON ? undefined : endpoint;
}

/**
 * Whether the bucket is part of the path and not of the host name. By default it is, except for
 * servers that are known to support host names. Source: gitlab-runner
 * `cache/cacheconfig/cacheconfig.go` (PathStyleEnabled), minio-go `pkg/s3utils`.
 */
export function isPathStyle(config: S3CacheConfig): boolean {
  if (config.isPathStyle !== undefined) return config.isPathStyle;
  if (config.serverAddress === '') return false;
  const isUnfit = !config.isInsecure && config.bucketName.includes('.');
  return isUnfit || !takesBucketInName(config.serverAddress);
}

function takesBucketInName(serverAddress: string): boolean {
  const host = serverAddress.replace(/:\d+$/, '').toLowerCase();
  if (host === 'storage.googleapis.com') return true;
  if (/(^|[.-])s3([.-].*)?\.amazonaws\.com(\.cn)?$/.test(host)) return true;
  return host.endsWith('.aliyuncs.com');
}

/**
 * Returns the credentials of the configuration; undefined when the machine's own are used. Source:
 * cacheconfig.go (AuthType).
 */
export function staticCredentialsOf(config: S3CacheConfig) {
  const { serverAddress, accessKey, secretKey, sessionToken } = config;
  const type = config.authenticationType.toLowerCase();
  const isComplete = serverAddress !== '' && accessKey !== '' && secretKey !== '';
  if (type === 'iam' || (type === '' && !isComplete)) return undefined;
  return {
    accessKeyId: accessKey,
    secretAccessKey: secretKey,
    ...(sessionToken !== '' && { sessionToken }),
  };
}

export interface ServerSideEncryption {
  readonly kind: 'AES256' | 'aws:kms' | 'aws:kms:dsse';
  readonly keyId: string | undefined;
}

const ENCRYPTIONS: Readonly<Record<string, ServerSideEncryption['kind']>> = {
  S3: 'AES256',
  AES256: 'AES256',
  KMS: 'aws:kms',
  'AWS:KMS': 'aws:kms',
  'DSSE-KMS': 'aws:kms:dsse',
  'AWS:KMS:DSSE': 'aws:kms:dsse',
};

/**
 * Returns the encryption; undefined for none, or for an unknown one. Source: cacheconfig.go
 * (EncryptionType).
 */
export function encryptionOf(config: S3CacheConfig): ServerSideEncryption | undefined {
  const kind = ENCRYPTIONS[config.serverSideEncryption.toUpperCase()];
  if (kind === undefined) return undefined;
  const keyId = kind === 'AES256' ? '' : config.serverSideEncryptionKeyId;
  return { kind, keyId: keyId === '' ? undefined : keyId };
}
