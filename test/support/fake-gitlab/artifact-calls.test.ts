import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openRunningJob, type Client } from './test-client.ts';
import type { FakeJob } from './types.ts';

function upload(client: Client, job: FakeJob, body: string): Promise<Response> {
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

it('keeps an upload and gives it back', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  assert.equal((await upload(client, job, PART)).status, 201);
  const { content, ...rest } = job.artifacts[0] ?? { content: Buffer.alloc(0) };
  assert.equal(content.toString(), 'PK\r\nbytes');
  assert.deepEqual(rest, { filename: 'a.zip', format: 'zip', type: 'archive', expireIn: '1 day' });
  const download = await client.call({
    ...{ method: 'GET', path: `jobs/${job.id}/artifacts` },
    headers: { 'JOB-TOKEN': job.token },
  });
  assert.equal(download.status, 200);
  assert.equal(await download.text(), 'PK\r\nbytes');
  assert.deepEqual(gitlab.violations, []);
});

it('refuses a body that is no multipart', async (t) => {
  const { gitlab, client, job } = await openRunningJob(t);
  assert.equal((await upload(client, job, 'PK')).status, 400);
  assert.match(gitlab.violations.join('\n'), /the multipart body is malformed/);
});

it('answers 404 when there is nothing to download, and 403 to a token that is not its own', async (t) => {
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
