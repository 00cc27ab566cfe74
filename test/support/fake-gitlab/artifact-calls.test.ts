import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { KEPT_BYTES } from './received-body.ts';
import { openRunningJob, type Client } from './test-client.ts';
import type { FakeJob } from './types.ts';
import { gate } from '../gate.ts';

function upload(client: Client, job: FakeJob, body: string | Buffer): Promise<Response> {
  return client.call({
    method: 'POST',
    path: `jobs/${job.id}/artifacts?artifact_format=zip&artifact_type=archive&expire_in=1+day`,
    headers: { 'JOB-TOKEN': job.token, 'Content-Type': 'multipart/form-data; boundary=bound' },
    body,
  });
}

const PART =
  '--bound\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n' +
  'Content-Type: application/octet-stream\r\n\r\nPK\r\nbytes\r\n--bound--\r\n';

it('keeps an upload and answers a download with it', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  assert.equal((await upload(client, job, PART)).status, 201);
  const { content, ...rest } = job.artifacts[0] ?? { content: Buffer.alloc(0) };
  assert.equal(content.toString(), 'PK\r\nbytes');
  assert.deepEqual(rest, {
    ...{ filename: 'a.zip', format: 'zip', type: 'archive', expireIn: '1 day' },
    ...{ sizeBytes: 9, sha256: createHash('sha256').update('PK\r\nbytes').digest('hex') },
  });
  const download = await client.call({
    ...{ method: 'GET', path: `jobs/${job.id}/artifacts` },
    headers: { 'JOB-TOKEN': job.token },
  });
  assert.equal(download.status, 200);
  assert.equal(await download.text(), 'PK\r\nbytes');
  assert.deepEqual(gitlab.violations, []);
});

it('refuses a body that is not multipart', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  assert.equal((await upload(client, job, 'PK')).status, 400);
  assert.match(gitlab.violations.join('\n'), /the multipart body is malformed/);
});

it('answers 404 when there is nothing to download, and 403 to a wrong token', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  const download = (token: string): Promise<Response> =>
    client.call({
      ...{ method: 'GET', path: `jobs/${job.id}/artifacts` },
      headers: { 'JOB-TOKEN': token },
    });
  assert.equal((await download(job.token)).status, 404);
  assert.deepEqual(gitlab.violations, []);
  assert.equal((await download('glcbt-other')).status, 403);
  assert.equal(gitlab.violations.length, 1);
});

it('accepts the same file again without keeping it twice, and refuses a different one', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  await upload(client, job, PART);
  assert.equal((await upload(client, job, PART)).status, 201);
  assert.equal((await upload(client, job, PART.replace('bytes', 'other'))).status, 400);
  assert.deepEqual(
    job.artifacts.map(({ content }) => content.toString()),
    ['PK\r\nbytes'],
  );
  assert.match(gitlab.violations.join('\n'), /another artifact of type archive/);
});

it('keeps only the size and digest of a large file', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  const content = randomBytes(KEPT_BYTES + 12_345);
  const [head = '', tail = ''] = PART.split('PK\r\nbytes');
  const body = Buffer.concat([Buffer.from(head), content, Buffer.from(tail)]);
  assert.equal((await upload(client, job, body)).status, 201);
  const { sizeBytes, sha256, content: kept } = job.artifacts[0] ?? assert.fail();
  assert.equal(sizeBytes, content.byteLength);
  assert.equal(sha256, createHash('sha256').update(content).digest('hex'));
  assert.equal(kept.byteLength, 0);
  assert.deepEqual(gitlab.violations, []);
});

it('lets a held request through when the test releases it', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  const { opened: hold, open: letGo } = gate();
  const holding = gitlab.intercept(({ kind }) => (kind === 'upload' ? { hold } : undefined));
  const uploading = upload(client, job, PART);
  const other = await client.call({ method: 'GET', path: 'jobs/1/artifacts' });
  assert.equal(other.status, 403);
  assert.deepEqual(job.artifacts, []);
  letGo();
  assert.equal((await uploading).status, 201);
  assert.equal(holding.count, 1);
});
