/**
 * `[runners.cache]`: where caches are kept besides the node's own volumes. Holds credentials: never
 * logged, never handed to a workflow or a container. Source: gitlab-runner
 * `cache/cacheconfig/cacheconfig.go`.
 */
export interface CacheConfig {
  /** `s3`, `gcs` or `azure`; '' is no store. */
  readonly type: string;
  /** Put before every object's name. */
  readonly path: string;
  /** Every runner of this configuration reads what another one has saved. */
  readonly isShared: boolean;
  /** A larger archive stays on the node; 0 is no limit. */
  readonly maxUploadedArchiveSizeBytes: number;
  readonly s3: S3CacheConfig;
  readonly gcs: GcsCacheConfig;
  readonly azure: AzureCacheConfig;
}

export interface S3CacheConfig {
  /** `host[:port]`; '' is Amazon's own. */
  readonly serverAddress: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken: string;
  readonly bucketName: string;
  /** Region; '' is asked of the server. */
  readonly bucketLocation: string;
  /** Speaks plain http. */
  readonly isInsecure: boolean;
  /** `access-key` or `iam`; '' goes by whether address and both keys are there. */
  readonly authenticationType: string;
  readonly serverSideEncryption: string;
  readonly serverSideEncryptionKeyId: string;
  readonly isDualStack: boolean;
  /** undefined goes by the server's name. */
  readonly isPathStyle: boolean | undefined;
  readonly isAccelerated: boolean;
}

export interface GcsCacheConfig {
  readonly accessId: string;
  readonly privateKey: string;
  readonly credentialsFile: string;
  readonly bucketName: string;
  readonly universeDomain: string;
}

export interface AzureCacheConfig {
  readonly accountName: string;
  readonly accountKey: string;
  readonly containerName: string;
  readonly storageDomain: string;
}

/** The kinds of stores there are, by the names that `Type` may have. */
const STORE_KINDS: ReadonlyMap<string, StoreKind> = new Map([
  ['s3', 's3'],
  ['s3v2', 's3'],
  ['gcs', 'gcs'],
  ['gcsv2', 'gcs'],
  ['azure', 'azure'],
]);

export type StoreKind = 's3' | 'gcs' | 'azure';

/** undefined when caches stay on the node. Source: gitlab-runner `cache/cache.go` (GetAdapter). */
export function storeKindOf({ type }: Pick<CacheConfig, 'type'>): StoreKind | undefined {
  return STORE_KINDS.get(type);
}
