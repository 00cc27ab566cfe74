import assert from 'node:assert/strict';
import { createHash, createVerify, generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { createGcsPresigner } from '../../../src/adapters/cache-stores/gcs.ts';
import { cacheConfigOf } from './support.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
const GCS = { accessId: 'runner@project.example', privateKey, bucketName: 'caches' };

function presign(method: 'GET' | 'PUT', changes: Partial<typeof GCS> = {}, maxBytes = 0) {
  const config = cacheConfigOf({
    type: 'gcs',
    maxUploadedArchiveSizeBytes: maxBytes,
    gcs: { ...GCS, ...changes },
  });
  const request = { method, object: 'a/b c', metadata: { cachekey: 'k' } };
  return createGcsPresigner(config).presign(request);
}

/** Verifies the signature like the service. Source: Google's documentation of V4 signing. */
function isSigned(method: string, url: URL, headers: Readonly<Record<string, string>>): boolean {
  const query = [...url.searchParams]
    .filter(([name]) => name !== 'X-Goog-Signature')
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .sort()
    .join('&');
  const all: Readonly<Record<string, string>> = { ...headers, host: url.host };
  const signed = url.searchParams.get('X-Goog-SignedHeaders') ?? '';
  const lines = signed.split(';').map((name) => `${name}:${all[name] ?? ''}\n`);
  const canonical = [method, url.pathname, query, lines.join(''), signed, 'UNSIGNED-PAYLOAD'].join(
    '\n',
  );
  const credential = url.searchParams.get('X-Goog-Credential') ?? '';
  const text = [
    'GOOG4-RSA-SHA256',
    url.searchParams.get('X-Goog-Date'),
    credential.split('/').slice(1).join('/'),
    createHash('sha256').update(canonical).digest('hex'),
  ].join('\n');
  const signature = Buffer.from(url.searchParams.get('X-Goog-Signature') ?? '', 'hex');
  return createVerify('RSA-SHA256').update(text).verify(publicKey, signature);
}

describe('addresses of caches in Google Cloud Storage', () => {
  it('are signed as the service verifies it, for one object and one method', async () => {
    const { url } = await presign('GET');
    const parsed = new URL(url);
    assert.equal(
      `${parsed.origin}${parsed.pathname}`,
      'https://storage.googleapis.com/caches/a/b%20c',
    );
    assert.equal(isSigned('GET', parsed, {}), true);
    assert.equal(isSigned('PUT', parsed, {}), false);
    assert.equal(parsed.searchParams.get('X-Goog-Expires'), '3600');
  });

  it('limit a writer to the size and type that were signed', async () => {
    const { url, headers } = await presign('PUT', {}, 1000);
    assert.deepEqual(headers, {
      'x-goog-meta-cachekey': 'k',
      'x-goog-content-length-range': '0,1000',
    });
    const sent = { ...headers, 'content-type': 'application/octet-stream' };
    assert.equal(isSigned('PUT', new URL(url), sent), true);
    const other = { ...sent, 'x-goog-content-length-range': '0,9999' };
    assert.equal(isSigned('PUT', new URL(url), other), false);
  });

  it('cannot be made without a bucket', async () => {
    await assert.rejects(presign('GET', { bucketName: '' }), ({ message }: Error) =>
      /BucketName/.test(message),
    );
  });
});
