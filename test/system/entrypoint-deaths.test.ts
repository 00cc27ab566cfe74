import { after, before, describe, it } from 'node:test';
import { startDockerProxy, type DockerProxy } from '../support/docker/docker-proxy.ts';
import { finish, openInstallation, type Installation } from '../support/installation.ts';
import { assertJob, JOB_IMAGE, NO_GIT } from '../support/scenario.ts';

const COUNTED = ['echo run >>/cache/runs', 'echo "runs: $(wc -l </cache/runs)"', 'rm /cache/runs'];
/** An image whose entrypoint ignores its command and runs its stdin. */
const DROPS = { name: JOB_IMAGE, entrypoint: ['sh', '-c', 'exec sh', 'sh'] };

/**
 * Docker does not tell whether a container that has run before has got its stdin, so the after_script
 * is given up. Podman prepares the container anew when somebody attaches to it, and it runs.
 */
const RAN_OR_SAID = /^after-script-ran$|just as it handed the script/m;

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

  const ATTACH = /\/attach$/;
  const START = /-build\/start$/;
  const moments: readonly [when: string, path: RegExp, startsBefore: 0 | 1][] = [
    ['before a word of it is said', ATTACH, 0],
    ['and is about to start that', START, 0],
    ['for its after_script, before a word of it is said', ATTACH, 1],
  ];
  for (const [when, path, startsBefore] of moments) {
    it(`${when}: the script runs once, and no job succeeds without it`, async () => {
      let starts = 0;
      let isKilled = false;
      const killed = new Promise<void>((resolve, reject) => {
        proxy.intercept(async (call) => {
          if (call.method !== 'POST' || isKilled) return undefined;
          if (path.test(call.path) && starts === startsBefore) {
            isKilled = true;
            await installation.runner.end('SIGKILL').then(() => resolve(), reject);
          } else if (START.test(call.path)) {
            starts += 1;
          }
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
        log: ['runs: 1', startsBefore === 0 ? /^after-script-ran$/m : RAN_OR_SAID],
      });
    });
  }
});
