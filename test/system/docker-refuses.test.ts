import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { startDockerProxy, type DockerProxy } from '../support/docker/docker-proxy.ts';
import { openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, NO_GIT } from '../support/scenario.ts';

/** This is far less than the minutes for which a job waits when Docker is away. */
const LIMIT_MS = 60_000;

describe('a Docker that answers a call with the same 500 each time', () => {
  let proxy: DockerProxy;
  let installation: Installation;
  before(async () => {
    proxy = await startDockerProxy();
    installation = await openInstallation({ dockerToml: `    host = "${proxy.host}"` });
    await installation.start();
  });
  after(async () => {
    await installation.close();
    await proxy.close();
  });

  // Docker Engine 29 says this when its runc is too old.
  const words = 'failed to create task for container: unknown seccomp flag';
  for (const [what, method, path] of [
    ['start a container', 'POST', /^\/containers\/[^/]+\/start$/],
    ['tell how a container is', 'GET', /^\/containers\/[^/]+-build\/json$/],
  ] as const) {
    it(`fails the job within a minute with Docker's message: to ${what}`, async () => {
      const begunMs = performance.now();
      proxy.intercept((call) =>
        Promise.resolve(
          call.method === method && path.test(call.path)
            ? { status: 500, message: words }
            : undefined,
        ),
      );
      const job = installation.gitlab.addJob({
        script: ['echo never'],
        afterScript: ['echo neither'],
        variables: [NO_GIT],
      });
      await job.whenFinished(5 * LIMIT_MS);
      proxy.intercept(() => Promise.resolve(undefined));
      assertJob(job, {
        state: 'failed',
        failureReason: 'runner_system_failure',
        log: [words, 'it has answered so each time'],
        never: ['$ echo'],
      });
      const tookMs = performance.now() - begunMs;
      assert.ok(tookMs < LIMIT_MS, `${Math.round(tookMs / 1000)} s`);
      await installation.whenClean();
    });
  }
});
