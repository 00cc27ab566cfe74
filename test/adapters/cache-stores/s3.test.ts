import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { CacheStore } from '../../../src/ports/cache-store.ts';
import { createCacheStore } from '../../../src/adapters/cache-stores/cache-stores.ts';
import type { S3CacheConfig } from '../../../src/domain/runner/cache-config.ts';
import { FinalError, TransientError } from '../../../src/domain/failure.ts';
import { openS3Server, s3Skip, type S3Server } from '../../support/s3-server.ts';
import { cacheConfigOf, SILENT } from './support.ts';

describe('caches in S3', { skip: s3Skip() }, () => {
  let server: S3Server;
  let directory: string;
  let file: string;
  const call = { timeoutMs: 20_000, signal: new AbortController().signal };
  before(async () => {
    server = await openS3Server();
    directory = await mkdtemp(join(tmpdir(), 'tgr-s3-store-'));
    file = join(directory, 'file');
  });
  after(async () => {
    await server.close();
    await rm(directory, { recursive: true, force: true });
  });
  beforeEach(() => {
    server.calls.length = 0;
    server.interfere = () => false;
  });

  const open = (changes: Partial<S3CacheConfig> = {}): CacheStore => {
    const { address: serverAddress, accessKey, secretKey, bucket: bucketName } = server;
    const s3 = { serverAddress, accessKey, secretKey, bucketName, isInsecure: true, ...changes };
    const store = createCacheStore({
      cache: cacheConfigOf({ type: 's3', s3 }),
      log: SILENT,
      env: {},
    });
    assert.ok(store);
    return store;
  };
  const upload = async (store: CacheStore, object: string, text: string): Promise<void> => {
    await writeFile(file, text);
    const metadata = { cachekey: 'a key with ünicode' };
    await store.upload(object, { ...call, file, modifiedMs: 0, metadata });
  };

  it('are stored and returned byte by byte', async () => {
    const store = open();
    await upload(store, 'project/1/some key/ü+%', 'first');
    await upload(store, 'project/1/some key/ü+%', 'second');
    const target = join(directory, 'target');
    const order = { ...call, file: target, localModifiedMs: undefined };
    const reply = await store.download('project/1/some key/ü+%', order);
    assert.equal(reply.kind, 'downloaded');
    assert.equal(await readFile(target, 'utf8'), 'second');
    assert.deepEqual(await server.objects(), ['project/1/some key/ü+%']);
  });

  it('are reported as missing when there are none', async () => {
    const store = open();
    const order = { ...call, file, localModifiedMs: undefined };
    assert.deepEqual(await store.download('nothing', order), { kind: 'missing' });
    assert.equal(await store.has('nothing', call), false);
    await upload(store, 'something', '');
    assert.equal(await store.has('something', call), true, 'however little is in it');
  });

  it('are not downloaded when the local copy is as new', async () => {
    const store = open();
    await upload(store, 'dated', 'x');
    const target = join(directory, 'untouched');
    const ask = (localModifiedMs: number) =>
      store.download('dated', { ...call, file: target, localModifiedMs });
    const hourMs = 3_600_000;
    assert.equal((await ask(Date.now() + hourMs)).kind, 'up_to_date');
    await assert.rejects(readFile(target));
    assert.equal((await ask(Date.now() - hourMs)).kind, 'downloaded');
  });

  it('find out the region by themselves', async () => {
    await upload(open({ bucketLocation: '' }), 'somewhere', 'x');
    assert.ok((await server.objects()).includes('somewhere'));
  });

  it('report their address without the signature', async () => {
    const store = open();
    await upload(store, 'addressed', 'x');
    const reply = await store.download('addressed', { ...call, file, localModifiedMs: undefined });
    assert.deepEqual(
      reply.kind === 'downloaded' && reply.address,
      `http://${server.address}/${server.bucket}/addressed`,
    );
  });

  it('are refused permanently with a wrong key, in the server’s words and without the key', async () => {
    await assert.rejects(upload(open({ secretKey: 'canary-wrong' }), 'x', 'x'), (error) => {
      assert.ok(error instanceof FinalError);
      assert.match(error.message, /^received: 403 .*code: SignatureDoesNotMatch/);
      assert.doesNotMatch(error.message, /canary|test-access-key|X-Amz|Signature=/);
      return true;
    });
  });

  it('are refused permanently without a bucket', async () => {
    await assert.rejects(
      upload(open({ bucketName: 'nobody-has-it' }), 'x', 'x'),
      ({ message }: Error) => /404 .*NoSuchBucket/.test(message),
    );
    await assert.rejects(upload(open({ bucketName: '' }), 'x', 'x'), ({ message }: Error) =>
      /BucketName/.test(message),
    );
  });

  it('are tried again when the server has a fault', async () => {
    server.interfere = (_, outgoing) => {
      outgoing
        .writeHead(503)
        .end('<Error><Code>SlowDown</Code><Message>ease\n off</Message></Error>');
      return true;
    };
    await assert.rejects(upload(open({ bucketLocation: 'x' }), 'x', 'x'), (error) => {
      assert.ok(error instanceof TransientError);
      assert.equal(
        error.message,
        'received: 503 Service Unavailable. Request failed with code: SlowDown, message: ease off',
      );
      return true;
    });
  });

  it('are tried again when a download was cut off', async () => {
    const store = open({ bucketLocation: 'us-east-1' });
    server.interfere = (_, outgoing) => {
      outgoing.writeHead(200, {
        'content-length': '1000',
        'last-modified': new Date().toUTCString(),
      });
      outgoing.write('half', () => outgoing.destroy());
      return true;
    };
    const order = { ...call, file, localModifiedMs: undefined };
    await assert.rejects(store.download('x', order), (error) => error instanceof TransientError);
  });

  it('are tried again when no server answers, or none in time', async () => {
    const gone = open({ serverAddress: '127.0.0.1:1', bucketLocation: 'us-east-1' });
    await assert.rejects(upload(gone, 'x', 'x'), (error) => error instanceof TransientError);
    server.interfere = () => true;
    const slow = open({ bucketLocation: 'us-east-1' });
    await assert.rejects(slow.has('x', { ...call, timeoutMs: 50 }), ({ message }: Error) =>
      /took longer than/.test(message),
    );
  });

  it('end at once when they are no longer wanted', async () => {
    const stopping = new AbortController();
    server.interfere = () => {
      stopping.abort(new Error('told to stop'));
      return true;
    };
    const store = open({ bucketLocation: 'us-east-1' });
    await assert.rejects(store.has('x', { ...call, signal: stopping.signal }), /told to stop/);
  });

  it('sign the request for encryption', async () => {
    const seen: string[] = [];
    server.interfere = (incoming, outgoing) => {
      seen.push(String(incoming.headers['x-amz-server-side-encryption']));
      seen.push(String(incoming.headers['x-amz-server-side-encryption-aws-kms-key-id']));
      seen.push(/X-Amz-SignedHeaders=([^&]*)/.exec(incoming.url ?? '')?.[1] ?? '');
      incoming.resume().on('end', () => outgoing.end());
      return true;
    };
    const changes = { serverSideEncryption: 'kms', serverSideEncryptionKeyId: 'alias/x' };
    await upload(open({ ...changes, bucketLocation: 'us-east-1' }), 'x', 'x');
    const [kind, keyId, signed = ''] = seen;
    assert.deepEqual([kind, keyId], ['aws:kms', 'alias/x']);
    assert.match(decodeURIComponent(signed), /x-amz-server-side-encryption;/);
  });

  it('are signed for one object and for an hour at most', async () => {
    const urls: string[] = [];
    server.interfere = ({ url }) => {
      urls.push(url ?? '');
      return false;
    };
    await upload(open({ bucketLocation: 'us-east-1' }), 'one', 'x');
    assert.deepEqual(server.calls, ['PUT /caches/one']);
    assert.match(urls[0] ?? '', /X-Amz-Expires=3600&/);
  });
});
