import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { FakeJob, JobSpec } from '../support/fake-gitlab/types.ts';
import type { Installation } from '../support/installation.ts';
import { assertJob } from '../support/scenario.ts';
import { findPlace } from '../support/shared-node.ts';

describe('sources', () => {
  const place = findPlace({ concurrent: 1 }, ['']);
  let installation: Installation;
  before(async () => {
    installation = await place.open();
  });
  after(() => place.close());

  const run = async (job: JobSpec): Promise<FakeJob> => {
    const added = place.addJob(job);
    await added.whenFinished(120_000);
    return added;
  };

  it('checks out the commit of the job, detached, in the project’s directory', async () => {
    const { repository } = installation.gitlab;
    const job = await run({ script: ['git rev-parse HEAD || cat .git/HEAD', 'ls', 'pwd'] });
    assertJob(job, {
      state: 'success',
      log: [
        'Getting source from Git repository',
        `Checking out ${repository.headSha.slice(0, 8)} as detached HEAD`,
        repository.headSha,
        'README.md',
        `/builds/${repository.projectPath}`,
      ],
    });
  });

  it('keeps untracked files with strategy fetch only without git clean', async () => {
    const variables = [
      { key: 'GIT_STRATEGY', value: 'fetch' },
      { key: 'GIT_CLEAN_FLAGS', value: 'none' },
    ];
    assertJob(await run({ script: ['touch left-over'], variables }), { state: 'success' });
    assertJob(await run({ script: ['ls left-over'], variables }), {
      state: 'success',
      log: [/^left-over$/m],
    });
    assertJob(await run({ script: ['test ! -e left-over'] }), { state: 'success' });
  });

  it('wipes the directory with strategy clone', async () => {
    const fetch = [
      { key: 'GIT_STRATEGY', value: 'fetch' },
      { key: 'GIT_CLEAN_FLAGS', value: 'none' },
    ];
    const clone = [
      { key: 'GIT_STRATEGY', value: 'clone' },
      { key: 'GIT_CLEAN_FLAGS', value: 'none' },
    ];
    assertJob(await run({ script: ['touch left-over'], variables: fetch }), { state: 'success' });
    assertJob(await run({ script: ['test ! -e left-over', 'ls README.md'], variables: clone }), {
      state: 'success',
    });
  });

  it('leaves the directory alone with strategy none, and empties it with strategy empty', async () => {
    const none = [{ key: 'GIT_STRATEGY', value: 'none' }];
    const empty = [{ key: 'GIT_STRATEGY', value: 'empty' }];
    assertJob(await run({ script: ['pwd', 'test ! -e README.md || true'], variables: none }), {
      state: 'success',
      log: ['/builds/'],
    });
    assertJob(await run({ script: ['ls -A | wc -l'], variables: empty }), {
      state: 'success',
      log: [/^0$/m],
    });
  });

  it('fetches only as deep as GIT_DEPTH says', async () => {
    const job = await run({
      script: ['wc -l < .git/shallow'],
      variables: [{ key: 'GIT_STRATEGY', value: 'clone' }],
      payload: { git_info: { depth: 1 } },
    });
    assertJob(job, { state: 'success', log: ['git depth set to 1', /^1$/m] });
  });

  it('leaves no credential on disk that the next job could read', async () => {
    const first = await run({ script: ['true'], variables: [] });
    assertJob(first, { state: 'success' });
    const second = await run({
      script: [
        `if grep -rq "${first.token}" "$CI_PROJECT_DIR" "$CI_PROJECT_DIR.tmp" 2>/dev/null; then echo found; else echo clean; fi`,
        'if grep -q "$CI_JOB_TOKEN" .git/config; then echo token-in-config; else echo no-token; fi',
      ],
    });
    assertJob(second, { state: 'success', log: [/^clean$/m, /^no-token$/m] });
  });

  it('does not run hooks or configured commands that an earlier job has planted', async () => {
    const plant = [
      'mkdir -p .git/hooks',
      `printf '#!/bin/sh\\necho planted-hook-ran >&2\\ntouch /builds/canary\\n' > .git/hooks/post-checkout`,
      'chmod +x .git/hooks/post-checkout',
      `printf '[core]\\n\\tfsmonitor = "touch /builds/canary;"\\n\\thooksPath = .git/hooks\\n' >> .git/config`,
    ];
    const variables = [{ key: 'GIT_STRATEGY', value: 'fetch' }];
    assertJob(await run({ script: plant, variables }), { state: 'success' });
    const next = await run({ script: ['test ! -e /builds/canary'], variables });
    assertJob(next, { state: 'success', never: ['planted-hook-ran'] });
  });

  it('fails the job with git’s message when the commit does not exist', async () => {
    const job = await run({ sha: '1234567890123456789012345678901234567890', script: ['true'] });
    assertJob(job, {
      state: 'failed',
      failureReason: 'script_failure',
      exitCode: job.exitCode ?? 1,
    });
    assert.match(job.log, /fatal|error/);
  });
});
