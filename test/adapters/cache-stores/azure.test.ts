import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { createAzurePresigner } from '../../../src/adapters/cache-stores/azure.ts';
import { cacheConfigOf } from './support.ts';

const KEY = Buffer.from('canary-account-key').toString('base64');
const AZURE = { accountName: 'acct', accountKey: KEY, containerName: 'caches' };

function presign(method: 'GET' | 'PUT', changes: Partial<typeof AZURE> = {}, object = 'a/b c') {
  const { azure } = cacheConfigOf({ type: 'azure', azure: { ...AZURE, ...changes } });
  return createAzurePresigner(azure).presign({ method, object, metadata: { cachekey: 'k' } });
}

/**
 * Calculates the signature like the service. Source: Azure's documentation of service SAS,
 * 2020-12-06 on.
 */
function signatureOf(query: URLSearchParams, resource: string): string {
  const read = (name: string): string => query.get(name) ?? '';
  const text = [
    ...[read('sp'), read('st'), read('se'), resource, read('si'), read('sip'), read('spr')],
    ...[read('sv'), read('sr'), '', read('ses'), '', '', '', '', ''],
  ].join('\n');
  return createHmac('sha256', Buffer.from(KEY, 'base64')).update(text, 'utf8').digest('base64');
}

describe('addresses of caches in Azure', () => {
  it('are signed as the service verifies it, for one blob and only over https', async () => {
    const url = new URL((await presign('GET')).url);
    assert.equal(
      `${url.origin}${url.pathname}`,
      'https://acct.blob.core.windows.net/caches/a/b%20c',
    );
    assert.equal(
      url.searchParams.get('sig'),
      signatureOf(url.searchParams, '/blob/acct/caches/a/b c'),
    );
    assert.deepEqual(
      ['sp', 'sr', 'spr'].map((name) => url.searchParams.get(name)),
      ['r', 'b', 'https'],
    );
  });

  it('expire after an hour', async () => {
    const { searchParams } = new URL((await presign('GET')).url);
    const leftMs = Date.parse(searchParams.get('se') ?? '') - Date.now();
    assert.ok(leftMs > 3_500_000 && leftMs <= 3_600_000);
  });

  it('allow either writing or reading, never both', async () => {
    const { url, headers } = await presign('PUT');
    assert.equal(new URL(url).searchParams.get('sp'), 'w');
    assert.deepEqual(headers, { 'x-ms-blob-type': 'BlockBlob', 'x-ms-meta-cachekey': 'k' });
  });

  it('upload up to 5,000 MiB by one request, and more in blocks', async () => {
    const { url, partsOf } = await presign('PUT');
    const mostBytes = 5_000 * 1024 ** 2;
    assert.equal(partsOf?.(mostBytes), undefined);
    const [list, ...blocks] = [...(partsOf?.(mostBytes + 1) ?? [])].reverse();
    let endByte = 0;
    let ids = '';
    for (const block of blocks.reverse()) {
      assert.ok(typeof block.content === 'object');
      assert.equal(block.content.startByte, endByte);
      endByte = block.content.endByte;
      const id = new URL(block.url).searchParams.get('blockid') ?? '';
      assert.equal(block.url, `${url}&comp=block&blockid=${id}`);
      assert.match(id, /^\w{8}$/);
      ids += `<Latest>${id}</Latest>`;
    }
    assert.equal(endByte, mostBytes + 1);
    assert.deepEqual(list, {
      url: `${url}&comp=blocklist`,
      headers: { 'x-ms-meta-cachekey': 'k', 'x-ms-blob-content-type': 'application/octet-stream' },
      content: `<?xml version="1.0" encoding="utf-8"?><BlockList>${ids}</BlockList>`,
    });
  });

  it('cannot be made without account, key and container', async () => {
    await assert.rejects(
      presign('GET', { accountKey: '', containerName: '' }),
      ({ message }: Error) => /AccountKey, ContainerName/.test(message),
    );
  });
});
