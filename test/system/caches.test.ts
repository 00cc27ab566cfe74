import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { FakeJob, JobSpec } from '../support/fake-gitlab/types.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, type Expectation } from '../support/scenario.ts';

/** Each job begins with an empty directory: what is in it came out of a cache. */
const EMPTY = { key: 'GIT_STRATEGY', value: 'empty' };

describe('caches in the /cache volume', () => {
  let installation: Installation;
  before(async () => {
    installation = await openInstallation({
      concurrent: 1,
      dockerToml: '    volumes = ["/cache"]',
    });
    await installation.start();
  });
  after(async () => {
    try {
      await installation.whenClean();
      assert.deepEqual(installation.gitlab.violations, []);
    } finally {
      await installation.close();
    }
  });
  const run = async (spec: JobSpec, expected: Expectation): Promise<FakeJob> => {
    const variables = [EMPTY, ...(spec.variables ?? [])];
    const job = installation.gitlab.addJob({ ...spec, variables });
    await job.whenFinished(120_000);
    assertJob(job, expected);
    return job;
  };

  it('go from one job to the next, and are not packed again while nothing has changed', async () => {
    const payload = { cache: [{ key: 'deps', paths: ['vendor/'] }] };
    await run(
      {
        script: [
          'mkdir -p vendor/a',
          'echo kept > vendor/a/b',
          "find . -exec touch -d '-1 hour' {} +",
        ],
        payload,
      },
      {
        state: 'success',
        log: [
          'Restoring cache',
          'Checking cache for deps...',
          'Cache file does not exist',
          'Failed to extract cache',
          'Saving cache for successful job',
          'Creating cache deps...',
          'vendor/: found 3 matching artifact files and directories',
          'No URL provided, cache will not be uploaded to shared cache server.',
          'Created cache',
        ],
      },
    );
    await run(
      { script: ['cat vendor/a/b'], payload },
      {
        state: 'success',
        log: ['Successfully extracted cache', /^kept$/m, 'Archive is up to date!', 'Created cache'],
      },
    );
    await run(
      { script: ['echo new > vendor/c'], payload },
      {
        state: 'success',
        log: ['Successfully extracted cache', 'found 4 matching', 'Created cache'],
      },
    );
    await run(
      { script: ['cat vendor/a/b vendor/c'], payload },
      { state: 'success', log: [/^kept\nnew$/m] },
    );
  });
});
