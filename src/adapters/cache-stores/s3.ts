import type { S3Client } from '@aws-sdk/client-s3';
import type { Dispatcher } from 'undici';
import type { Log } from '../../ports/index.ts';
import type { S3CacheConfig } from '../../domain/runner/cache-config.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import {
  metadataHeaders,
  PRESIGNED_SECONDS,
  type Presigner,
  type PresignRequest,
} from './presigner.ts';
import { requestsBy } from './s3-requests.ts';
import { encryptionOf, endpointOf, isPathStyle, staticCredentialsOf } from './s3-server.ts';

const USUAL_REGION = 'us-east-1';
const REGION_REQUEST_MS = 30_000;

interface Surroundings {
  readonly log: Log;
  /** The connections for the one request that must be sent before an address can be signed. */
  readonly connections: () => Promise<Dispatcher>;
}

/** Presigns addresses of objects in S3 and compatible stores with Amazon's own client. */
export function createS3Presigner(config: S3CacheConfig, around: Surroundings): Presigner {
  let opened: Promise<S3Client> | undefined;
  const open = (): Promise<S3Client> => {
    opened ??= openClient(config, around).then(({ client, isCertain }) => {
      // The next call asks for the region again.
      if (!isCertain) opened = undefined;
      return client;
    });
    opened.catch(() => (opened = undefined));
    return opened;
  };
  return {
    presign: async (request) => {
      if (config.bucketName === '') {
        throw new FinalError(
          FailureType.RunnerConfiguration,
          'the cache has no bucket: set BucketName in [runners.cache.s3]',
        );
      }
      return presign(await open(), request, config);
    },
  };
}

async function presign(client: S3Client, request: PresignRequest, config: S3CacheConfig) {
  const { GetObjectCommand, PutObjectCommand } = await import('@aws-sdk/client-s3');
  const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner');
  const place = { Bucket: config.bucketName, Key: request.object.replace(/^\/+/, '') };
  const expiresIn = PRESIGNED_SECONDS;
  if (request.method === 'GET') {
    return {
      url: await getSignedUrl(client, new GetObjectCommand(place), { expiresIn }),
      headers: {},
    };
  }
  const encryption = encryptionOf(config);
  const headers = {
    ...metadataHeaders('x-amz-meta-', request.metadata),
    ...(encryption && { 'x-amz-server-side-encryption': encryption.kind }),
    ...(encryption?.keyId !== undefined && {
      'x-amz-server-side-encryption-aws-kms-key-id': encryption.keyId,
    }),
  };
  const command = new PutObjectCommand({
    ...place,
    Metadata: metadataHeaders('', request.metadata),
    ...(encryption && { ServerSideEncryption: encryption.kind }),
    ...(encryption?.keyId !== undefined && { SSEKMSKeyId: encryption.keyId }),
  });
  // These are sent as headers and not in the address, because some servers do not accept them
  // there.
  const unhoistableHeaders = new Set(Object.keys(headers));
  return { url: await getSignedUrl(client, command, { expiresIn, unhoistableHeaders }), headers };
}

interface OpenedClient {
  readonly client: S3Client;
  /** True: the region was configured, or the server has told it. */
  readonly isCertain: boolean;
}

async function openClient(
  config: S3CacheConfig,
  { log, connections }: Surroundings,
): Promise<OpenedClient> {
  const { S3Client } = await import('@aws-sdk/client-s3');
  const endpoint = endpointOf(config);
  const credentials = staticCredentialsOf(config);
  const options = {
    ...(credentials && { credentials }),
    // Presigned addresses with a custom endpoint support neither of these.
    ...(endpoint === undefined
      ? { useDualstackEndpoint: config.isDualStack, useAccelerateEndpoint: config.isAccelerated }
      : { endpoint }),
    forcePathStyle: isPathStyle(config),
    // Other servers do not support the checksums that Amazon's client adds by default.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  } as const;
  const region =
    config.bucketLocation !== ''
      ? config.bucketLocation
      : await askRegion(
          new S3Client({
            ...options,
            region: USUAL_REGION,
            requestHandler: requestsBy(connections),
          }),
          config,
          log,
        );
  return {
    client: new S3Client({ ...options, region: region ?? USUAL_REGION }),
    isCertain: region !== undefined,
  };
}

/** Source: gitlab-runner `cache/s3v2/s3.go` (detectBucketLocation). */
async function askRegion(
  client: S3Client,
  { bucketName }: S3CacheConfig,
  log: Log,
): Promise<string | undefined> {
  const { GetBucketLocationCommand } = await import('@aws-sdk/client-s3');
  try {
    const { LocationConstraint: region } = await client.send(
      new GetBucketLocationCommand({ Bucket: bucketName }),
      { abortSignal: AbortSignal.timeout(REGION_REQUEST_MS) },
    );
    if (region === undefined) return USUAL_REGION;
    return region === 'EU' ? 'eu-west-1' : region;
  } catch (error) {
    const reason = error instanceof Error ? error.name : 'unknown';
    log.warn('region of the cache bucket not found: set BucketLocation', {
      bucket: bucketName,
      region: USUAL_REGION,
      reason,
    });
    return undefined;
  } finally {
    client.destroy();
  }
}
