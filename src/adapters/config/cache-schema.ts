import { z } from 'zod';
import type { CacheConfig } from '../../domain/runner/cache-config.ts';
import { flag, integer, table, text } from './schema-parts.ts';

const s3Schema = z.object(
  {
    ServerAddress: text.default(''),
    AccessKey: text.default(''),
    SecretKey: text.default(''),
    SessionToken: text.default(''),
    BucketName: text.default(''),
    BucketLocation: text.default(''),
    Insecure: flag.default(false),
    AuthenticationType: text.default(''),
    ServerSideEncryption: text.default(''),
    ServerSideEncryptionKeyID: text.default(''),
    DualStack: flag.default(true),
    PathStyle: flag.optional(),
    Accelerate: flag.default(false),
  },
  table,
);

const gcsSchema = z.object(
  {
    AccessID: text.default(''),
    PrivateKey: text.default(''),
    CredentialsFile: text.default(''),
    BucketName: text.default(''),
    UniverseDomain: text.default(''),
  },
  table,
);

const azureSchema = z.object(
  {
    AccountName: text.default(''),
    AccountKey: text.default(''),
    ContainerName: text.default(''),
    StorageDomain: text.default(''),
  },
  table,
);

export const cacheSchema = z.object(
  {
    Type: text.default(''),
    Path: text.default(''),
    Shared: flag.default(false),
    MaxUploadedArchiveSize: integer.default(0),
    s3: s3Schema.prefault({}),
    gcs: gcsSchema.prefault({}),
    azure: azureSchema.prefault({}),
  },
  table,
);

/** Keys of `[runners.cache]` by their tables, for the list of supported keys. */
export const CACHE_TABLES = {
  cache: Object.keys(cacheSchema.shape),
  s3: Object.keys(s3Schema.shape),
  gcs: Object.keys(gcsSchema.shape),
  azure: Object.keys(azureSchema.shape),
} as const;

type RawCache = z.output<typeof cacheSchema>;

export function readCache(raw: RawCache): CacheConfig {
  return {
    type: raw.Type,
    path: raw.Path,
    isShared: raw.Shared,
    maxUploadedArchiveSizeBytes: Math.max(0, raw.MaxUploadedArchiveSize),
    s3: {
      serverAddress: raw.s3.ServerAddress,
      accessKey: raw.s3.AccessKey,
      secretKey: raw.s3.SecretKey,
      sessionToken: raw.s3.SessionToken,
      bucketName: raw.s3.BucketName,
      bucketLocation: raw.s3.BucketLocation,
      isInsecure: raw.s3.Insecure,
      authenticationType: raw.s3.AuthenticationType,
      serverSideEncryption: raw.s3.ServerSideEncryption,
      serverSideEncryptionKeyId: raw.s3.ServerSideEncryptionKeyID,
      isDualStack: raw.s3.DualStack,
      isPathStyle: raw.s3.PathStyle,
      isAccelerated: raw.s3.Accelerate,
    },
    gcs: {
      accessId: raw.gcs.AccessID,
      privateKey: raw.gcs.PrivateKey,
      credentialsFile: raw.gcs.CredentialsFile,
      bucketName: raw.gcs.BucketName,
      universeDomain: raw.gcs.UniverseDomain,
    },
    azure: {
      accountName: raw.azure.AccountName,
      accountKey: raw.azure.AccountKey,
      containerName: raw.azure.ContainerName,
      storageDomain: raw.azure.StorageDomain,
    },
  };
}
