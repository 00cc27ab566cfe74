import { after, before, describe, it } from 'node:test';
import { startDockerProxy, type DockerProxy } from '../support/docker/docker-proxy.ts';
import { finish, openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, JOB_IMAGE, NO_GIT } from '../support/scenario.ts';

const COUNTED = ['echo run >>/cache/runs', 'echo "runs: $(wc -l </cache/runs)"', 'rm /cache/runs'];
/** An image whose entrypoint ignores its command and runs its stdin. */
const DROPS = { name: JOB_IMAGE, entrypoint: ['sh', '-c', 'exec sh', 'sh'] };

describe('a worker that is killed while it hands a container its script', () => {
  let proxy: DockerProxy;
  let installation: Installation;
  before(async () => {
    proxy = await startDockerProxy();
    installation = await openInstallation({
      concurrent: 1,
      dockerToml: `    host = "${proxy.host}"\n    volumes = ["/cache"]`,
    });
    await installation.start();
  });
  after(async () => {
    try {
      await finish(installation);
    } finally {
      await proxy.close();
    }
  });

  const moments: readonly [when: string, method: string, path: RegExp, nth: number][] = [
    ['before a word of it is said', 'POST', /\/attach$/, 1],
    ['and is about to start that', 'POST', /-build\/start$/, 1],
    ['for its after_script, before a word of it is said', 'POST', /\/attach$/, 2],
  ];
  for (const [when, method, path, nth] of moments) {
    it(`${when}: the script runs once, and no job succeeds without it`, async () => {
      let calls = 0;
      const killed = new Promise<void>((resolve, reject) => {
        proxy.intercept(async (call) => {
          if (call.method !== method || !path.test(call.path)) return undefined;
          calls += 1;
          if (calls === nth) await installation.runner.end('SIGKILL').then(() => resolve(), reject);
          return undefined;
        });
      });
      const job = installation.gitlab.addJob({
        script: [...COUNTED, 'exit 3'],
        afterScript: ['echo after-script-ran'],
        variables: [NO_GIT],
        payload: { image: DROPS },
      });
      await killed;
      await installation.start();
      await job.whenFinished(120_000);
      assertJob(job, {
        ...{ state: 'failed', failureReason: 'script_failure', exitCode: 3 },
        log: ['runs: 1', nth === 1 ? /^after-script-ran$/m : 'just as it handed the script'],
      });
    });
  }
});
