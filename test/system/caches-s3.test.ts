import assert from 'node:assert/strict';
import { rm, stat, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import { AGED, cacheOf, filled, found, FOUND, variables } from '../support/cache-jobs.ts';
import { finish, openInstallation, type Installation } from '../support/installation.ts';
import { openS3Server, s3CacheToml, s3Skip, type S3Server } from '../support/s3-server.ts';
import { assertJob, type Scenario } from '../support/scenario.ts';
import { play } from '../support/faults/sequences.ts';

describe('caches in S3', { skip: s3Skip() }, () => {
  let server: S3Server;
  let installation: Installation;
  before(async () => {
    server = await openS3Server();
    // There is no cache volume, so a cache that is found came from the server.
    const cacheToml = s3CacheToml(server, { maxBytes: 5_000_000 });
    installation = await openInstallation({ concurrent: 1, runners: 1, dockerToml: cacheToml });
    await installation.start();
  });
  after(async () => {
    await finish(installation);
    await server.close();
  });
  const run = (scenario: Omit<Scenario, 'title'>): Promise<void> => play(installation, scenario);
  const undisturbed = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } finally {
      server.interfere = () => false;
    }
  };

  it('are passed from one job to the next as one object of the runner and the project', async () => {
    await run({
      ...filled(cacheOf('s3 key')),
      expected: {
        state: 'success',
        log: ['file does not exist', 'Uploading cache', 'Created cache'],
      },
    });
    const [object = ''] = await server.objects();
    assert.match(object, /^prefix\/runner\/[^/]{9}\/project\/\d+\/s3 key$/);
    await run(found(cacheOf('s3 key'), ['Downloading cache from http://', ...FOUND]));
  });

  it('show no key and no signature in the log of a job or of the runner', async () => {
    const job = installation.gitlab.addJob({ variables, payload: cacheOf('s3 key') });
    await job.whenFinished(120_000);
    for (const text of [job.log, ...installation.runner.lines]) {
      assert.equal(text.includes(server.secretKey), false);
      assert.doesNotMatch(text, /X-Amz-(Signature|Credential)=(?!\[MASKED\])/);
    }
  });

  it('are uploaded again when the server has lost them after they were restored', async () => {
    const payload = cacheOf('lost');
    const script = ['mkdir -p vendor; echo kept > vendor/file', AGED];
    await run({ job: { variables, payload, script }, expected: { state: 'success' } });
    const object = (await server.objects()).find((name) => name.endsWith('/lost')) ?? '';
    // The object is removed while the job that has restored the cache runs.
    await run({
      job: { variables, payload, script: ['sleep 3'] },
      meanwhile: async (job) => {
        await job.whenLog(/\$ sleep 3/, 60_000);
        await rm(server.pathOf(object));
      },
      expected: {
        state: 'success',
        log: ['Archive is up to date!', 'Uploading cache', 'Created cache'],
      },
    });
    assert.ok((await stat(server.pathOf(object))).size > 0);
  });

  it('stay on the node when they are larger than the limit', async () => {
    await run({
      job: {
        variables,
        payload: cacheOf('large'),
        script: ['mkdir vendor; head -c 6000000 /dev/urandom > vendor/file'],
      },
      expected: {
        state: 'success',
        log: [/Cache archive size \(\d+\) is too big \(Limit is set to 5000000\)/, 'Created cache'],
      },
    });
    assert.equal(
      (await server.objects()).some((name) => name.endsWith('/large')),
      false,
    );
  });

  it('a broken object causes a warning, and the next key is tried', async () => {
    await run(filled(cacheOf('good')));
    await run(filled(cacheOf('torn'), 'torn'));
    const object = (await server.objects()).find((name) => name.endsWith('/torn')) ?? '';
    await writeFile(server.pathOf(object), 'PK\u0003\u0004 and then nothing');
    await run(
      found(cacheOf('torn', { fallback_keys: ['good'], policy: 'pull' }), [
        'Checking cache for torn...',
        'Failed to extract cache',
        'Checking cache for good...',
        ...FOUND,
      ]),
    );
  });

  it('a server that refuses causes a warning', () =>
    undisturbed(async () => {
      server.interfere = (incoming, outgoing) => {
        incoming.resume();
        outgoing.writeHead(403).end('<Error><Code>AccessDenied</Code></Error>');
        return true;
      };
      await run({
        ...filled(cacheOf('refused')),
        expected: {
          state: 'success',
          log: [
            'received: 403 Forbidden. Request failed with code: AccessDenied',
            'Failed to extract cache',
            'received: 403 Forbidden',
            'Failed to create cache',
            'Job succeeded',
          ],
        },
      });
    }));

  it('a server that fails is asked three times, and causes a warning', () =>
    undisturbed(async () => {
      server.interfere = (incoming, outgoing) => {
        incoming.resume();
        outgoing.writeHead(500).end();
        return true;
      };
      await run({
        ...filled(cacheOf('trouble')),
        expected: {
          state: 'success',
          log: [
            'Retrying...',
            'Retrying...',
            'Failed to extract cache',
            'Retrying...',
            'Failed to create cache',
          ],
        },
      });
      const asked = server.calls.filter((call) => call.endsWith('/trouble'));
      assert.deepEqual(
        asked.map((call) => call.split(' ')[0]),
        ['GET', 'GET', 'GET', 'PUT', 'PUT', 'PUT'],
      );
    }));

  it('a server that fails once is asked again', () =>
    undisturbed(async () => {
      let failures = 1;
      server.interfere = (incoming, outgoing) => {
        if (incoming.method !== 'PUT' || failures === 0) return false;
        failures -= 1;
        incoming.resume();
        outgoing.writeHead(503).end();
        return true;
      };
      await run({
        ...filled(cacheOf('once')),
        expected: { state: 'success', log: ['Retrying...', 'Created cache'] },
      });
      await run(found(cacheOf('once'), FOUND));
    }));

  it('a job whose time is over does not wait for the upload of its cache', () =>
    undisturbed(async () => {
      server.interfere = (incoming) => incoming.method === 'PUT';
      const { job: spec } = filled(cacheOf('for-ever'));
      const job = installation.gitlab.addJob({ ...spec, timeout: 25 });
      await job.whenFinished(120_000);
      assertJob(job, {
        state: 'failed',
        failureReason: 'job_execution_timeout',
        log: ['Creating cache for-ever...'],
      });
    }));

  it('a cache is uploaded although the process dies during the upload', () =>
    undisturbed(async () => {
      let reached: () => void = () => undefined;
      const uploading = new Promise<void>((resolve) => (reached = resolve));
      server.interfere = (incoming) => {
        if (incoming.method !== 'PUT') return false;
        reached();
        return true;
      };
      const { job: spec } = filled(cacheOf('survivor'));
      const job = installation.gitlab.addJob(spec);
      await uploading;
      await installation.runner.end('SIGKILL');
      server.interfere = () => false;
      await installation.start();
      await job.whenFinished(120_000);
      assertJob(job, { state: 'success', log: ['Creating cache survivor...', 'Created cache'] });
      assert.equal(job.log.match(/Creating cache survivor/g)?.length, 1, 'said once');
      await run(found(cacheOf('survivor'), FOUND));
    }));
});
