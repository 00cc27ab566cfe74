import { after, before, describe } from 'node:test';
import { cacheOf } from '../support/cache-jobs.ts';
import { gives, refuses, TRICKLES, troubleCache } from '../support/faults/cache-faults.ts';
import { it } from '../support/faults/fault-report.ts';
import { openFaultLab, type FaultLab } from '../support/faults/faults.ts';
import { makeZip } from '../support/make-zip.ts';
import { openS3Server, s3CacheToml, s3Skip, type S3Server } from '../support/s3-server.ts';

const ZIP = makeZip([
  { name: 'vendor/first', content: 'whole '.repeat(1_000) },
  { name: 'vendor/second', content: 'torn '.repeat(1_000) },
]);
const SCRIPT: readonly string[] = [
  'echo run >> "/witness/$CI_JOB_ID.script"',
  'ls vendor || echo "nothing there"',
  'mkdir -p vendor && echo kept > vendor/file',
  'echo "line 9"',
];

describe('the server of a cache', { skip: s3Skip() }, () => {
  let server: S3Server;
  let lab: FaultLab;
  before(async () => {
    server = await openS3Server();
    lab = await openFaultLab({
      dockerToml: s3CacheToml(server),
      runnerToml: '  limit = 1\n  environment = ["CACHE_REQUEST_TIMEOUT=1"]',
    });
  });
  after(async () => {
    await lab.close();
    await server.close();
  });

  for (const [status, words] of [
    [403, 'received: 403'],
    [429, 'received: 429'],
    [500, 'Retrying... (try 2 of 3: received: 500'],
    [503, 'Retrying... (try 2 of 3: received: 503'],
  ] as const) {
    it(`answers ${status} to each request: the job continues with two warnings`, () =>
      lab.run({
        ...{ moment: 'acknowledged', script: SCRIPT, payload: cacheOf(`status-${status}`) },
        fault: troubleCache(() => server, refuses(status)),
        expected: {
          state: 'success',
          log: [
            ...[words, 'Failed to extract cache', 'nothing there', 'line 9'],
            ...[words, 'Failed to create cache', 'Job succeeded'],
          ],
        },
      }));
  }

  for (const [name, bytes] of [
    ['gives half of a zip', ZIP.subarray(0, ZIP.length / 2)],
    ['gives a zip without its last byte', ZIP.subarray(0, -1)],
    ['gives nothing at all', Buffer.alloc(0)],
    ['gives a page', Buffer.from('<html>please log in</html>')],
  ] as const) {
    it(`${name}: a warning, and no file is extracted`, () =>
      lab.run({
        ...{ moment: 'acknowledged', script: SCRIPT, payload: cacheOf(name) },
        fault: troubleCache(() => server, gives(bytes, name)),
        expected: {
          state: 'success',
          log: ['Failed to extract cache', 'nothing there', 'line 9', 'Job succeeded'],
        },
      }));
  }

  it('gives 1 KB a second: CACHE_REQUEST_TIMEOUT ends each try, and the job continues', () =>
    lab.run({
      ...{ moment: 'acknowledged', script: SCRIPT, limitMs: 300_000 },
      payload: cacheOf('trickle', { policy: 'pull' }),
      fault: troubleCache(() => server, TRICKLES),
      expected: {
        state: 'success',
        log: [
          'Retrying... (try 2 of 3: the cache server took longer than 1 min',
          'the cache server took longer than 1 min',
          'Failed to extract cache',
          'line 9',
        ],
      },
    }));
});
