import type { AzureCacheConfig } from '../../domain/runner/cache-config.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import { metadataHeaders, PRESIGNED_SECONDS, type Presigner } from './presigner.ts';

const USUAL_DOMAIN = 'blob.core.windows.net';
/** Addresses are valid from this long before now, because clocks may differ. */
const STARTED_BEFORE_MS = 3_600_000;

/** Presigns addresses of blobs in Azure with Microsoft's own client. */
export function createAzurePresigner(azure: AzureCacheConfig): Presigner {
  return {
    presign: async ({ method, object, metadata }) => {
      checkConfig(azure);
      const { accountName, accountKey, containerName, storageDomain } = azure;
      const {
        BlobSASPermissions,
        generateBlobSASQueryParameters,
        SASProtocol,
        StorageSharedKeyCredential,
      } = await import('@azure/storage-blob');
      const blobName = object.replace(/^\/+/, '');
      const query = generateBlobSASQueryParameters(
        {
          containerName,
          blobName,
          permissions: BlobSASPermissions.parse(method === 'GET' ? 'r' : 'w'),
          protocol: SASProtocol.Https,
          startsOn: new Date(Date.now() - STARTED_BEFORE_MS),
          expiresOn: new Date(Date.now() + PRESIGNED_SECONDS * 1000),
        },
        new StorageSharedKeyCredential(accountName, accountKey),
      ).toString();
      const host = `${accountName}.${storageDomain === '' ? USUAL_DOMAIN : storageDomain}`;
      const path = [containerName, ...blobName.split('/')].map(encodeURIComponent).join('/');
      const headers =
        method === 'GET'
          ? {}
          : { 'x-ms-blob-type': 'BlockBlob', ...metadataHeaders('x-ms-meta-', metadata) };
      return { url: `https://${host}/${path}?${query}`, headers };
    },
  };
}

function checkConfig({ accountName, accountKey, containerName }: AzureCacheConfig): void {
  const missing = [
    ...(accountName === '' ? ['AccountName'] : []),
    ...(accountKey === '' ? ['AccountKey'] : []),
    ...(containerName === '' ? ['ContainerName'] : []),
  ];
  if (missing.length === 0) return;
  throw new FinalError(
    FailureType.RunnerConfiguration,
    `the cache cannot be reached: set ${missing.join(', ')} in [runners.cache.azure] (identities of the machine are not supported)`,
  );
}
