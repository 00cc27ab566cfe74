/**
 * `[runners.cache]`: where caches are kept besides the node's own volumes. Contains credentials:
 * never logged, never passed to a workflow or a container. Source: gitlab-runner
 * `cache/cacheconfig/cacheconfig.go`.
 */
export interface CacheConfig {
  /** `s3`, `gcs` or `azure`; '' is no store. */
  readonly type: string;
  /** Prefix of every object's name. */
  readonly path: string;
  /** True: every runner with this configuration reads the caches of the others. */
  readonly isShared: boolean;
  /** An archive larger than this stays on the node, in bytes; 0 means no limit. */
  readonly maxUploadedArchiveSizeBytes: number;
  readonly s3: S3CacheConfig;
  readonly gcs: GcsCacheConfig;
  readonly azure: AzureCacheConfig;
}

/** `[runners.cache.s3]`. Source: gitlab-runner `cache/cacheconfig/cacheconfig.go`. */
export interface S3CacheConfig {
  /** `host[:port]`; empty means Amazon's own server. */
  readonly serverAddress: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken: string;
  readonly bucketName: string;
  /** The region; empty means that the server is asked for it. */
  readonly bucketLocation: string;
  /** True: plain http. */
  readonly isInsecure: boolean;
  /**
   * `access-key` or `iam`; empty means that it depends on whether the address and both keys are
   * set.
   */
  readonly authenticationType: string;
  readonly serverSideEncryption: string;
  readonly serverSideEncryptionKeyId: string;
  readonly isDualStack: boolean;
  /** undefined means that it depends on the server's name. */
  readonly isPathStyle: boolean | undefined;
  readonly isAccelerated: boolean;
}

/** `[runners.cache.gcs]`. Source: gitlab-runner `cache/cacheconfig/cacheconfig.go`. */
export interface GcsCacheConfig {
  readonly accessId: string;
  readonly privateKey: string;
  readonly credentialsFile: string;
  readonly bucketName: string;
  readonly universeDomain: string;
}

/** `[runners.cache.azure]`. Source: gitlab-runner `cache/cacheconfig/cacheconfig.go`. */
export interface AzureCacheConfig {
  readonly accountName: string;
  readonly accountKey: string;
  readonly containerName: string;
  readonly storageDomain: string;
}

/** The kinds of stores, by the values of `Type`. */
const STORE_KINDS: ReadonlyMap<string, StoreKind> = new Map([
  ['s3', 's3'],
  ['s3v2', 's3'],
  ['gcs', 'gcs'],
  ['gcsv2', 'gcs'],
  ['azure', 'azure'],
]);

/** A kind of object store that caches can be kept in. */
export type StoreKind = 's3' | 'gcs' | 'azure';

/**
 * Returns the kind of store; undefined when caches stay on the node. Source: gitlab-runner
 * `cache/cache.go` (GetAdapter).
 */
export function storeKindOf({ type }: Pick<CacheConfig, 'type'>): StoreKind | undefined {
  return STORE_KINDS.get(type);
}
