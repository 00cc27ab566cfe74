import type { CacheConfig, GcsCacheConfig } from '../../domain/runner/cache-config.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { metadataHeaders, PRESIGNED_SECONDS, type Presigner } from './presigner.ts';

/** Presigns addresses of objects in Google Cloud Storage with Google's own client. */
export function createGcsPresigner({
  gcs,
  maxUploadedArchiveSizeBytes,
}: Pick<CacheConfig, 'gcs' | 'maxUploadedArchiveSizeBytes'>): Presigner {
  return {
    presign: async ({ method, object, metadata }) => {
      if (gcs.bucketName === '') {
        throw new FinalError(
          FailureType.RunnerConfiguration,
          'the cache has no bucket: set BucketName in [runners.cache.gcs]',
        );
      }
      const { Storage } = await import('@google-cloud/storage');
      const file = new Storage(clientOptions(gcs)).bucket(gcs.bucketName).file(object);
      const expires = Date.now() + PRESIGNED_SECONDS * 1000;
      if (method === 'GET') {
        const [url] = await file.getSignedUrl({ version: 'v4', action: 'read', expires });
        return { url, headers: {} };
      }
      const headers = {
        ...metadataHeaders('x-goog-meta-', metadata),
        ...(maxUploadedArchiveSizeBytes > 0 && {
          'x-goog-content-length-range': `0,${maxUploadedArchiveSizeBytes}`,
        }),
      };
      const [url] = await file.getSignedUrl({
        version: 'v4',
        action: 'write',
        expires,
        contentType: 'application/octet-stream',
        extensionHeaders: headers,
      });
      return { url, headers };
    },
  };
}

/** Source: gitlab-runner `cache/gcsv2/adapter.go` (presignURL). */
function clientOptions(gcs: GcsCacheConfig) {
  const { credentialsFile, accessId, privateKey, universeDomain } = gcs;
  const universe = universeDomain === '' ? {} : { universeDomain };
  if (credentialsFile !== '') return { keyFilename: credentialsFile, ...universe };
  if (accessId === '' && privateKey === '') return universe;
  return { credentials: { client_email: accessId, private_key: privateKey }, ...universe };
}
