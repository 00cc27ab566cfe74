import type { Log } from '../../../src/ports/index.ts';
import type {
  AzureCacheConfig,
  CacheConfig,
  GcsCacheConfig,
  S3CacheConfig,
} from '../../../src/domain/runner/cache-config.ts';

export const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

const S3: S3CacheConfig = {
  ...{ serverAddress: '', accessKey: '', secretKey: '', sessionToken: '', bucketName: '' },
  ...{ bucketLocation: '', isInsecure: false, authenticationType: '', serverSideEncryption: '' },
  ...{ serverSideEncryptionKeyId: '', isDualStack: true, isPathStyle: undefined },
  isAccelerated: false,
};

interface Changes {
  readonly type: string;
  readonly maxUploadedArchiveSizeBytes?: number;
  readonly s3?: Partial<S3CacheConfig>;
  readonly gcs?: Partial<GcsCacheConfig>;
  readonly azure?: Partial<AzureCacheConfig>;
}

export function cacheConfigOf({ s3, gcs, azure, ...rest }: Changes): CacheConfig {
  return {
    ...{ path: '', isShared: false, maxUploadedArchiveSizeBytes: 0, ...rest },
    s3: { ...S3, ...s3 },
    gcs: {
      ...{ accessId: '', privateKey: '', credentialsFile: '', bucketName: '', universeDomain: '' },
      ...gcs,
    },
    azure: { accountName: '', accountKey: '', containerName: '', storageDomain: '', ...azure },
  };
}
