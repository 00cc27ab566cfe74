import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after } from 'node:test';
import { describeScenarios, NO_GIT } from '../support/scenario.ts';
import type { FakeVariable } from '../support/fake-gitlab/types.ts';

const variable = (key: string, value: string): FakeVariable => ({ key, value });
/** A hook that runs in the helper before git is called. */
const SLOW_HOOK = {
  hooks: [{ name: 'pre_get_sources_script', script: ['echo "hook begun"', 'sleep 60'] }],
};

const MANIFEST_HEAD = {
  'content-type': 'application/vnd.docker.distribution.manifest.v2+json',
  'content-length': 500,
  'docker-content-digest': `sha256:${'0'.repeat(64)}`,
};

/**
 * Returns an image whose registry begins an answer and never ends it. Docker itself waits only 30
 * seconds for a registry that does not begin an answer. A job without output may need that long to
 * learn that it is canceled.
 */
async function imageOfSilentRegistry(): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === '/v2/') return response.end('{}');
    response.writeHead(200, MANIFEST_HEAD);
    if (request.method === 'HEAD') return response.end();
    response.flushHeaders();
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}/silent:1`;
}

const SILENT_IMAGE = await imageOfSilentRegistry();
const PULLING = `Pulling docker image ${SILENT_IMAGE} ...`;

describeScenarios('time limits in every stage', {}, [
  {
    title: 'a job that is canceled while its image is pulled waits for no registry',
    job: { image: SILENT_IMAGE, script: ['echo ran'], variables: [NO_GIT] },
    meanwhile: async (job) => {
      await job.whenLog(/Pulling docker image/);
      job.cancel();
    },
    expected: { state: 'canceled', log: [PULLING, 'Job failed: canceled'], never: ['$ echo ran'] },
  },
  {
    title: 'the time-out of a job ends the pull of its image',
    job: { image: SILENT_IMAGE, script: ['echo ran'], variables: [NO_GIT], timeout: 6 },
    expected: {
      state: 'failed',
      failureReason: 'job_execution_timeout',
      log: [PULLING, 'execution took longer than 6s seconds'],
    },
  },
  {
    title: 'a job that is canceled while its sources are fetched does not run its script',
    job: { script: ['echo ran'], afterScript: ['echo after'], payload: SLOW_HOOK },
    meanwhile: async (job) => {
      await job.whenLog(/^hook begun$/m);
      job.cancel();
    },
    expected: {
      state: 'canceled',
      log: ['hook begun', 'The stage is stopped: canceled externally'],
      never: ['$ echo ran', '$ echo after'],
    },
  },
  {
    title: 'the time-out of a job ends the fetch of its sources',
    job: { script: ['echo ran'], timeout: 8, payload: SLOW_HOOK },
    expected: {
      state: 'failed',
      failureReason: 'job_execution_timeout',
      log: ['hook begun', 'execution took longer than 8s seconds'],
      never: ['$ echo ran'],
    },
  },
  {
    title: 'a cancel in after_script comes too late to change the result of the script',
    job: {
      script: ['true'],
      afterScript: ['echo after-begun', 'sleep 4', 'echo after-end'],
      variables: [NO_GIT],
    },
    meanwhile: async (job) => {
      await job.whenLog(/^after-begun$/m);
      job.cancel();
    },
    expected: { state: 'canceled', log: ['after-begun', 'after-end', 'Job succeeded'] },
  },
  {
    title: 'the time-out of a job ends its after_script too',
    job: {
      script: ['true'],
      afterScript: ['echo after-begun', 'sleep 60'],
      timeout: 8,
      variables: [NO_GIT, variable('RUNNER_AFTER_SCRIPT_TIMEOUT', '1h')],
    },
    expected: {
      state: 'failed',
      failureReason: 'job_execution_timeout',
      log: [
        'WARNING: RUNNER_AFTER_SCRIPT_TIMEOUT timeout: 1h is longer than job timeout',
        'after-begun',
      ],
    },
  },
  {
    title: 'after_script knows that the script took too long',
    job: {
      script: ['sleep 60'],
      afterScript: ['echo "status $CI_JOB_STATUS"'],
      variables: [NO_GIT, variable('RUNNER_SCRIPT_TIMEOUT', '2s')],
    },
    expected: {
      state: 'failed',
      failureReason: 'job_execution_timeout',
      log: ['The stage is stopped: the script took longer than 2 s', /^status timedout$/m],
    },
  },
  {
    title: 'an invalid time limit causes a warning and is ignored',
    job: {
      script: ['sleep 1', 'echo end'],
      variables: [NO_GIT, variable('RUNNER_SCRIPT_TIMEOUT', 'soon')],
    },
    expected: {
      state: 'success',
      log: ['WARNING: Ignoring malformed RUNNER_SCRIPT_TIMEOUT timeout: "soon"', /^end$/m],
    },
  },
  {
    title: 'a script that is told to end may still clean up',
    job: {
      script: [
        'echo begun; trap "echo tidied-up; exit 5" TERM; while true; do sleep 0.2 || true; done',
      ],
      variables: [NO_GIT],
    },
    meanwhile: async (job) => {
      await job.whenLog(/^begun$/m);
      job.cancel();
    },
    expected: { state: 'canceled', log: ['begun', /^tidied-up$/m] },
  },
]);

describeScenarios(
  'time limits of the configuration',
  { runnerToml: '  get_sources_timeout = "4s"' },
  [
    {
      title: 'get_sources_timeout limits get_sources with all its tries',
      job: {
        script: ['echo ran'],
        variables: [variable('GET_SOURCES_ATTEMPTS', '3')],
        payload: SLOW_HOOK,
      },
      expected: {
        state: 'failed',
        failureReason: 'job_execution_timeout',
        log: ['hook begun', 'Job failed: get sources timeout: exceeded timeout of 4s'],
        never: ['$ echo ran'],
      },
    },
  ],
);

describeScenarios('the time limit of preparation', { runnerToml: '  prepare_timeout = "4s"' }, [
  {
    title: 'prepare_timeout ends a pull that never ends',
    job: { image: SILENT_IMAGE, script: ['echo ran'], variables: [NO_GIT] },
    expected: {
      state: 'failed',
      failureReason: 'job_execution_timeout',
      log: [PULLING, 'Job failed: prepare timeout: exceeded timeout of 4s'],
      never: ['$ echo ran'],
    },
  },
]);
