import type { AzureCacheConfig } from '../../domain/runner/cache-config.ts';
import { FailureType, FinalError } from '../../domain/failure.ts';
import {
  metadataHeaders,
  PRESIGNED_SECONDS,
  type Presigner,
  type UploadPart,
} from './presigner.ts';

const USUAL_DOMAIN = 'blob.core.windows.net';
/** Addresses are valid from this long before now, because clocks may differ. */
const STARTED_BEFORE_MS = 3_600_000;
/** Azure takes no larger blob by one request. Source: Azure's Put Blob. */
const MAX_BLOB_BYTES = 5_000 * 1024 * 1024;
/** Azure takes 50,000 blocks of up to 4,000 MiB. */
const BLOCK_BYTES = 256 * 1024 * 1024;

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
      const url = `https://${host}/${path}?${query}`;
      if (method === 'GET') return { url, headers: {} };
      const described = metadataHeaders('x-ms-meta-', metadata);
      return {
        url,
        headers: { 'x-ms-blob-type': 'BlockBlob', ...described },
        partsOf: (sizeBytes) =>
          sizeBytes > MAX_BLOB_BYTES ? blocksOf(url, described, sizeBytes) : undefined,
      };
    },
  };
}

/** Uploads blocks, and then puts them together. Source: Azure's Put Block and Put Block List. */
function blocksOf(
  url: string,
  headers: UploadPart['headers'],
  sizeBytes: number,
): readonly UploadPart[] {
  const blocks = Array.from({ length: Math.ceil(sizeBytes / BLOCK_BYTES) }, (_, index) => ({
    // The ids of a blob must have the same length.
    id: btoa(`${index}`.padStart(6, '0')),
    startByte: index * BLOCK_BYTES,
    endByte: Math.min((index + 1) * BLOCK_BYTES, sizeBytes),
  }));
  const list = blocks.map(({ id }) => `<Latest>${id}</Latest>`).join('');
  return [
    ...blocks.map(({ id, ...content }) => {
      return { url: `${url}&comp=block&blockid=${id}`, headers: {}, content };
    }),
    {
      url: `${url}&comp=blocklist`,
      headers: { ...headers, 'x-ms-blob-content-type': 'application/octet-stream' },
      content: `<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`,
    },
  ];
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
